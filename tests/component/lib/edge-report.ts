import { isRecord, type Message } from '@kubeedge-ts/apis';
import { comparable } from './comparable.ts';
import { title } from './recorded.ts';

/** Fields that describe the machine, its containers or their addresses: that they are there is compared. */
const MACHINE: ReadonlySet<string> = new Set([
  'address',
  'architecture',
  'beta.kubernetes.io/arch',
  'bootID',
  'containerID',
  'containerRuntimeVersion',
  'cpu',
  'ephemeral-storage',
  'hostIP',
  'imageID',
  'ip',
  'kernelVersion',
  'kubernetes.io/arch',
  'machineID',
  'memory',
  'osImage',
  'podIP',
  'Port',
  'systemUUID',
]);

/** What an edge says, as it can be compared with what another edge said on another machine. */
export function shapeOf({ route, content }: Message): Shape {
  return { route, content: ofAnyMachine(comparable(content)) } as Shape;
}

export interface Shape {
  readonly route: Message['route'];
  readonly content: unknown;
}

function ofAnyMachine(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => ofAnyMachine(item));
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, ofAnyMachine(field, name)]),
    );
  }
  return MACHINE.has(key) && value !== null && value !== '' ? `<${key}>` : value;
}

/** The different shapes among messages, by title; in an order that does not depend on who came first. */
export function distinctShapes(messages: readonly Message[]): Record<string, Shape[]> {
  const shapes: Record<string, Shape[]> = {};
  for (const message of messages) {
    const known = shapes[title(message)] ?? [];
    shapes[title(message)] = known;
    const shape = shapeOf(message);
    if (!known.some((one) => canonical(one) === canonical(shape))) known.push(shape);
  }
  for (const known of Object.values(shapes)) known.sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1));
  return shapes;
}

/** The status patch that does what these patches do one after the other. */
export function composed(patches: readonly Message[]): unknown {
  return patches.map((patch) => patchOf(shapeOf(patch))).reduce((all, one) => compose(all, one), {});
}

type Json = Record<string, unknown>;

function patchOf({ content }: Shape): Json {
  return (content as { '<json>': Json })['<json>'];
}

function compose(earlier: Json, later: Json): Json {
  const result: Json = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    const before = result[key];
    if (key === 'conditions') result[key] = composeConditions(before, value);
    else if (isRecord(before) && isRecord(value)) result[key] = compose(before, value);
    else result[key] = value;
  }
  return result;
}

function composeConditions(earlier: unknown, later: unknown): Json[] {
  const byType = new Map<unknown, Json>();
  for (const condition of [...((earlier ?? []) as Json[]), ...(later as Json[])]) {
    byType.set(condition['type'], { ...byType.get(condition['type']), ...condition });
  }
  return [...byType.values()];
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
