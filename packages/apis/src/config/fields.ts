import * as z from 'zod/mini';

/** Building blocks of the configuration schemas. Every object is strict: a field no release knew is an error. */
export const bool = (value: boolean) => z._default(z.boolean(), value);
export const text = (value: string) => z._default(z.string(), value);
export const int = (value: number, minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER) =>
  z._default(z.int().check(z.minimum(minimum), z.maximum(maximum)), value);
export const float = (value: number) => z._default(z.number(), value);
export const port = (value: number) => int(value, 0, 65_535);
/** `first-last`, or empty for none. */
export const portRange = (value: string) =>
  z._default(z.string().check(z.refine(isPortRange, 'not a range of ports such as 20000-29999')), value);
export const texts = (value: string[]) => z._default(z.array(z.string()), value);
/** A field that has no default and may be absent. */
export const maybe = <S extends z.ZodMiniType>(schema: S) => z.optional(schema);
/** A nested object whose absence means all defaults. */
export const section = <S extends z.core.$ZodLooseShape>(shape: S) => {
  const schema = z.strictObject(shape);
  return z.prefault(schema, {} as z.input<typeof schema>);
};
export const anything = z.unknown();
export const flags = z._default(z.record(z.string(), z.boolean()), {});
export const textMap = z._default(z.record(z.string(), z.string()), {});

const GO_DURATION = /^-?(\d+(\.\d+)?(ns|us|\u00b5s|ms|s|m|h))+$|^0$/;
/** A Go duration such as `1m30s`. */
export const duration = (value: string) =>
  z._default(z.string().check(z.regex(GO_DURATION, 'not a duration such as 10s or 1m30s')), value);

const QUANTITY = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;
/** A Kubernetes quantity such as `10Mi`. */
export const quantity = (value: string) =>
  z._default(z.string().check(z.regex(QUANTITY, 'not a quantity such as 10Mi')), value);

const SIGNAL = /^(memory|allocatableMemory|nodefs|imagefs|containerfs|pid)\.(available|inodesFree)$/;
const signalName = z.string().check(z.regex(SIGNAL, 'not an eviction signal such as memory.available'));
const AMOUNT = /^(\d+\.?\d*|\.\d+)(%|[eE]\d+|[numkMGTPE]|[KMGTPE]i)?$/;
const amount = z.string().check(z.regex(AMOUNT, 'neither a quantity such as 100Mi nor a percentage'));
/** Eviction signal → amount, and → duration. */
export const signalAmounts = z.record(signalName, amount);
export const signalDurations = z.record(
  signalName,
  z.string().check(z.regex(GO_DURATION, 'not a duration such as 10s or 1m30s')),
);

function isPortRange(value: string): boolean {
  if (value === '') return true;
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(value);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  return first >= 1 && first <= last && last <= 65_535;
}
