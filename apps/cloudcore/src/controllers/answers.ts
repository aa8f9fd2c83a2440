import {
  type ErrStatus,
  type KubeObject,
  type Message,
  type MessageOrigin,
  type ObjectResponse,
  OK,
  responseTo,
  type Status,
} from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isUnanswered, statusOf } from '@kubeedge-ts/kube';

/** Builds the EdgeController's answers in upstream's shapes (spec/message-protocol.md §3.2, recorded). */
export interface Answers {
  ok(request: Message, resourceVersion?: string): Message;
  /** The queried object itself, with its version in the header. */
  object(request: Message, object: KubeObject): Message;
  /** `{"Object", "Err": null}`; upstream puts the version into the header of patch answers only. */
  response(request: Message, object: KubeObject, options?: { readonly version?: boolean }): Message;
  /** `{"Object", "Err": {"ErrStatus"}}`. */
  refusedResponse(request: Message, status: Status, object?: unknown): Message;
  /** `{"ErrStatus"}`, the answer to a query that failed. */
  refused(request: Message, status: Status): Message;
  /** Upstream 1.9 expects the text of an error. */
  refusedText(request: Message, status: Status): Message;
}

export function createAnswers(origin: MessageOrigin): Answers {
  const answer = (request: Message, content: unknown, resourceVersion?: string): Message =>
    responseTo(origin, request, content, {
      source: 'edgecontroller',
      group: 'resource',
      ...(resourceVersion ? { resourceVersion } : {}),
    });
  return {
    ok: (request, resourceVersion) => answer(request, OK, resourceVersion),
    object: (request, object) => answer(request, object, object.metadata.resourceVersion),
    response(request, object, { version = false } = {}) {
      const content: ObjectResponse = { Object: object, Err: null };
      return answer(request, content, version ? object.metadata.resourceVersion : undefined);
    },
    refusedResponse(request, status, object = null) {
      const content: ObjectResponse = { Object: object, Err: errStatus(status) };
      return answer(request, content);
    },
    refused: (request, status) => answer(request, errStatus(status)),
    refusedText: (request, status) => answer(request, status.message ?? status.reason ?? 'failed'),
  };
}

/** As Go prints it: without type and version, metadata always there. */
function errStatus({ kind: _kind, apiVersion: _version, ...status }: Status): ErrStatus {
  return { ErrStatus: { ...status, metadata: {} } };
}

/** The Status for anything a call of the Kubernetes API may throw. */
export function statusFor(error: unknown): Status {
  const status = statusOf(error);
  if (status !== undefined) return status;
  return isUnanswered(error)
    ? refusal(503, 'ServiceUnavailable', errorText(error))
    : refusal(500, 'InternalError', errorText(error));
}

/** `reason` is Kubernetes' word for `code`. */
export function refusal(code: number, reason: string, message: string, details?: Status['details']): Status {
  return { metadata: {}, status: 'Failure', message, reason, ...(details ? { details } : {}), code };
}

export function notFound(kind: string, name: string): Status {
  return refusal(404, 'NotFound', `${kind} "${name}" not found`, { name, kind });
}

export function forbidden(kind: string, name: string, reason: string): Status {
  return refusal(403, 'Forbidden', `${kind} "${name}" is forbidden: ${reason}`, { name, kind });
}

/** Without type and version: upstream's client drops them from what a write returned. */
export function untyped<T extends KubeObject>(object: T): T {
  const { kind: _kind, apiVersion: _version, ...rest } = object;
  return rest as T;
}

/** With type and version, which lists leave out. */
export function typed<T extends KubeObject>(object: T, kind: string, apiVersion: string): T {
  return { ...object, kind, apiVersion };
}
