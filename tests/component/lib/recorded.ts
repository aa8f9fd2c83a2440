import type { Message, UnknownObject } from '@kubeedge-ts/apis';
import { readRecording } from '@kubeedge-ts/testing/recording';

/** The recorded traffic of an upstream cloudcore and an upstream edgecore (tests/fixtures/upstream-wire/README.md). */
export const NODE = 'edge-go';
export const entries = readRecording(
  new URL('../../fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url),
);
export const messages = entries.flatMap((entry) => (entry.kind === 'message' ? [entry] : []));
export const fromCloud: readonly Message[] = messages
  .filter(({ from }) => from === 'cloud')
  .map(({ message }) => message as Message);
export const fromEdge: readonly Message[] = messages
  .filter(({ from }) => from === 'edge')
  .map(({ message }) => message as Message);

export const isAck = ({ route, content }: Message): boolean =>
  route.operation === 'response' && content === 'OK';
export const isAnswer = ({ header }: Message): boolean => (header.parent_msg_id ?? '') !== '';
export const title = ({ route }: Message): string => `${route.operation} ${route.resource}`;
export const objectOf = ({ content }: Message): UnknownObject => content as UnknownObject;

/** The first recorded message with this title. */
export function recorded(wanted: string, among: readonly Message[] = fromCloud): Message {
  const found = among.find((message) => title(message) === wanted);
  if (found === undefined) throw new Error(`not in the recording: ${wanted}`);
  return found;
}

/** What makes an edge act: all but status and what the API server counts for itself. */
export function essence(object: UnknownObject): string {
  const { status: _status, metadata, ...rest } = object as UnknownObject & { status?: unknown };
  const { resourceVersion: _version, generation: _generation, managedFields: _fields, ...kept } = metadata;
  return JSON.stringify({ ...rest, metadata: kept });
}
