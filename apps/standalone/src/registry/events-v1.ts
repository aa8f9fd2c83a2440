import type { UnknownObject } from '@kubeedge-ts/apis';
import { decodeTyped } from '../schema/decode-typed.ts';
import { typedSchema } from '../schema/field-schema.ts';
import type { Codec, JsonObject } from './types.ts';

/** Field of events.k8s.io/v1 → field of core/v1, in which events are stored. */
const RENAMED: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
  reportingController: 'reportingComponent',
};
const BACK = Object.fromEntries(Object.entries(RENAMED).map(([events, core]) => [core, events]));
const TYPE = 'events/v1.Event';

function renamed(object: UnknownObject, names: Readonly<Record<string, string>>, apiVersion: string) {
  const entries = Object.entries(object as JsonObject).map(([key, value]) => [names[key] ?? key, value]);
  return { ...Object.fromEntries(entries), apiVersion } as UnknownObject;
}

/** events.k8s.io/v1 as another view of the stored core/v1 events. */
export const eventsV1Codec: Codec = {
  decode(body) {
    const { value, unknownFields, mismatch } = decodeTyped(TYPE, body);
    return { object: value, unknownFields, ...(mismatch !== undefined && { mismatch }) };
  },
  schema: typedSchema(TYPE),
  fromStorage: (objects) => objects.map((object) => renamed(object, BACK, 'events.k8s.io/v1')),
  toStorage: (object) => renamed(object, RENAMED, 'v1'),
};
