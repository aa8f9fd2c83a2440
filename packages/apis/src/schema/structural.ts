/** A Kubernetes structural OpenAPI schema: what stands in a CustomResourceDefinition. */
export interface StructuralSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | number | boolean;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly required?: readonly string[];
  readonly items?: StructuralSchema;
  readonly additionalProperties?: StructuralSchema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
}

/** A schema that knows the TypeScript type it describes: one source for the CRD and for the compiler. */
export interface Typed<T> {
  readonly schema: StructuralSchema;
  /** Never set; carries the type. */
  readonly __type?: T;
}

/** A field that its object lists under `required`. */
export interface Required_<T> extends Typed<T> {
  readonly required: true;
}

export type TypeOf<S> = S extends Typed<infer T> ? T : never;

type Fields = Readonly<Record<string, Typed<unknown>>>;
type RequiredKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Required_<unknown> ? K : never;
}[keyof F];
export type ObjectOf<F extends Fields> = { [K in RequiredKeys<F>]: TypeOf<F[K]> } & {
  [K in Exclude<keyof F, RequiredKeys<F>>]?: TypeOf<F[K]>;
};

const typed = <T>(schema: StructuralSchema): Typed<T> => ({ schema });

export const string = (extra: Pick<StructuralSchema, 'default' | 'description'> = {}): Typed<string> =>
  typed({ type: 'string', ...extra });

export const oneOf = <const V extends string>(...values: readonly V[]): Typed<V> =>
  typed({ type: 'string', enum: values });

export const integer = (
  format: 'int32' | 'int64' | undefined = undefined,
  extra: Pick<StructuralSchema, 'enum' | 'minimum' | 'maximum'> = {},
): Typed<number> => typed({ type: 'integer', ...(format ? { format } : {}), ...extra });

export const number = (format?: 'double'): Typed<number> =>
  typed({ type: 'number', ...(format ? { format } : {}) });

export const boolean = (): Typed<boolean> => typed({ type: 'boolean' });

/** An array of `item`. */
export const list = <T>(item: Typed<T>): Typed<T[]> => typed({ type: 'array', items: item.schema });

/** An object whose values all are `value`. */
export const map = <T>(value: Typed<T>): Typed<Record<string, T>> =>
  typed({ type: 'object', additionalProperties: value.schema });

/** Any object; nothing is pruned. */
export const anyObject = (): Typed<Record<string, unknown>> =>
  typed({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });

/** An object with the given fields; others are pruned by the API server. */
export function object<const F extends Fields>(fields: F): Typed<ObjectOf<F>> {
  const required = Object.keys(fields).filter((name) => 'required' in fields[name]!);
  return typed({
    type: 'object',
    ...(Object.keys(fields).length > 0
      ? { properties: Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])) }
      : {}),
    ...(required.length > 0 ? { required } : {}),
  });
}

/** The same object, but fields the schema does not know are kept. */
export const open = <T>({ schema }: Typed<T>): Typed<T & Record<string, unknown>> =>
  typed({ ...schema, 'x-kubernetes-preserve-unknown-fields': true });

export const required = <T>({ schema }: Typed<T>): Required_<T> => ({ schema, required: true });
