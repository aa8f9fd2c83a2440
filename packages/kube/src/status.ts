import type { Status } from '@kubeedge-ts/apis';
import { isKubeEdgeError, type KubeEdgeError, kubeErrors } from '@kubeedge-ts/errors';

export interface RequestLine {
  readonly method: string;
  readonly path: string;
}

/** The error KUBE_STATUS for an answer of the API server; `statusOf` gives the Status back. */
export function statusError(status: Status, request: RequestLine): KubeEdgeError {
  const error = kubeErrors.create('KUBE_STATUS', {
    method: request.method,
    path: request.path,
    code: status.code ?? 0,
    reason: status.reason ?? 'Unknown',
    message: status.message ?? '',
  });
  // Not enumerable: loggers print an error's own fields, and a Status may quote the offending object.
  return Object.defineProperty(error, 'status', { value: status, enumerable: false });
}

/** The `Status` the API server answered with, when `error` is KUBE_STATUS. */
export function statusOf(error: unknown): Status | undefined {
  return isKubeEdgeError(error, 'KUBE_STATUS') ? (error as { status?: Status }).status : undefined;
}

function hasReason(error: unknown, ...reasons: readonly string[]): boolean {
  const reason = statusOf(error)?.reason;
  return reason !== undefined && reasons.includes(reason);
}

export const isNotFound = (error: unknown): boolean => statusOf(error)?.code === 404;
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
/** A resourceVersion or UID precondition failed: read again and retry. */
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
/** The resourceVersion is older than the server remembers: list again. */
export const isGone = (error: unknown): boolean =>
  statusOf(error)?.code === 410 || hasReason(error, 'Expired', 'Gone');
export const isUnauthorized = (error: unknown): boolean => statusOf(error)?.code === 401;
export const isForbidden = (error: unknown): boolean => statusOf(error)?.code === 403;
export const isInvalid = (error: unknown): boolean => statusOf(error)?.code === 422;
export const isTooManyRequests = (error: unknown): boolean => statusOf(error)?.code === 429;
/** The namespace is being deleted and takes no new objects. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  statusOf(error)?.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
/** No answer came: whether a write happened is unknown. */
export const isUnanswered = (error: unknown): boolean =>
  isKubeEdgeError(error, 'KUBE_UNREACHABLE') || isKubeEdgeError(error, 'KUBE_TIMEOUT');

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** A failure Status for `code`, with the reason Kubernetes uses for it. */
export function failure(code: number, message: string, extra: Partial<Status> = {}): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: REASONS[code] ?? 'Unknown',
    code,
    ...extra,
  };
}
