import { isRecord, type KubeList, type KubeObject, type Status } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { failure, type RequestLine, statusError } from './status.ts';
import type { WatchEvent } from './types.ts';

/** Decoders for what an API server sends. All throw KUBE_RESPONSE_INVALID on anything else. */

const invalid = (request: RequestLine, problem: string, cause?: unknown) =>
  kubeErrors.create('KUBE_RESPONSE_INVALID', { method: request.method, path: request.path, problem }, cause);

function decodeJson(text: string, request: RequestLine): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(request, 'not JSON', cause);
  }
}

function isObject(value: unknown): value is Record<string, unknown> & KubeObject {
  return isRecord(value) && isRecord(value['metadata']);
}

/** Any JSON object: a Kubernetes object, a Status, a TokenRequest without metadata. */
export function decodeRecord(body: Buffer, request: RequestLine): Record<string, unknown> {
  const value = decodeJson(body.toString('utf8'), request);
  if (!isRecord(value)) throw invalid(request, 'not a JSON object');
  return value;
}

export function decodeObject<T extends KubeObject>(body: Buffer, request: RequestLine): T {
  const value = decodeRecord(body, request);
  if (!isObject(value)) throw invalid(request, 'an object without metadata');
  return value as KubeObject as T;
}

/** Items get the `apiVersion` and `kind` that lists of built-in types leave out. */
export function decodeList<T extends KubeObject>(
  body: Buffer,
  request: RequestLine,
  type: { apiVersion: string; kind: string },
): KubeList<T> {
  const list = decodeRecord(body, request);
  // An empty list of some servers is null.
  const items = list['items'] ?? [];
  if (!isRecord(list['metadata']) || !Array.isArray(items) || !items.every(isObject)) {
    throw invalid(request, 'not a list of objects');
  }
  return { ...list, metadata: list['metadata'], items: items.map((item) => ({ ...type, ...item })) as never };
}

/** One line of a watch. @throws KUBE_STATUS for an ERROR event */
export function decodeWatchEvent<T extends KubeObject>(line: string, request: RequestLine): WatchEvent<T> {
  const event = decodeJson(line, request);
  if (!isRecord(event)) throw invalid(request, 'a watch event that is not an object');
  const { type, object } = event;
  if (type === 'ERROR') throw statusError(toStatus(object, 500, 'the watch failed'), request);
  if (!isObject(object)) throw invalid(request, 'a watch event without an object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: object as KubeObject as T };
    case 'BOOKMARK':
      return {
        type,
        object: { metadata: { resourceVersion: String(object.metadata.resourceVersion ?? '') } },
      };
    default:
      throw invalid(request, `a watch event of type ${String(type).slice(0, 40)}`);
  }
}

/** The Status of an error answer; made up from the HTTP status when the body is none. */
export function decodeStatus(code: number, body: Buffer): Status {
  const text = body.subarray(0, 65_536).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A proxy's page, or plain text as the API server sends for unknown paths: it becomes the message.
  }
  return toStatus(value, code, text.trim().slice(0, 256));
}

function toStatus(value: unknown, code: number, message: string): Status {
  if (!isRecord(value) || value['kind'] !== 'Status') return failure(code, message);
  const status = value as Status;
  return {
    ...status,
    code: typeof status.code === 'number' ? status.code : code,
    message: String(status.message ?? ''),
    ...(isRecord(status.details) ? {} : { details: {} }),
  };
}
