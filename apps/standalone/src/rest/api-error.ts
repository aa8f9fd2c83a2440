import type { Status, StatusCause } from '@kubeedge-ts/apis';
import { isKubeEdgeError, type KubeEdgeError, standaloneErrors } from '@kubeedge-ts/errors';

/** Group and plural of a resource, as messages name it: `deployments.apps`. */
export interface GroupResource {
  readonly group: string;
  readonly plural: string;
}

export function qualified({ group, plural }: GroupResource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** An error whose answer is this Status. The Status travels as the cause. */
export function apiError(status: Status & { code: number; message: string }): KubeEdgeError {
  const whole: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: status.message,
    ...(status.reason !== undefined && { reason: status.reason }),
    ...(status.details !== undefined && { details: status.details }),
    code: status.code,
  };
  return standaloneErrors.create('STANDALONE_REQUEST_REFUSED', { message: status.message }, whole);
}

/** The Status an error answers with; anything unexpected is an InternalError that says nothing about the inside. */
export function statusOf(error: unknown): Status & { code: number } {
  if (isKubeEdgeError(error, 'STANDALONE_REQUEST_REFUSED')) return error.cause as Status & { code: number };
  const known = isKubeEdgeError(error) ? error.message : 'the request could not be handled';
  return internalError(known).cause as Status & { code: number };
}

function named({ group, plural }: GroupResource, name?: string) {
  return { ...(name && { name }), ...(group && { group }), kind: plural };
}

export function badRequest(message: string): KubeEdgeError {
  return apiError({ code: 400, reason: 'BadRequest', message });
}

export function unauthorized(): KubeEdgeError {
  return apiError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
}

export function forbidden(
  resource: GroupResource,
  name: string,
  why: string,
  causes?: StatusCause[],
): KubeEdgeError {
  const subject = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`;
  return apiError({
    code: 403,
    reason: 'Forbidden',
    message: `${subject} is forbidden: ${why}`,
    details: { ...named(resource, name), ...(causes && { causes }) },
  });
}

export function notFound(resource: GroupResource, name: string): KubeEdgeError {
  return apiError({
    code: 404,
    reason: 'NotFound',
    message: `${qualified(resource)} "${name}" not found`,
    details: named(resource, name),
  });
}

export function resourceNotFound(): KubeEdgeError {
  return apiError({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

export function methodNotAllowed(): KubeEdgeError {
  return apiError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });
}

export function alreadyExists(resource: GroupResource, name: string): KubeEdgeError {
  return apiError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualified(resource)} "${name}" already exists`,
    details: named(resource, name),
  });
}

export const MODIFIED_MESSAGE =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(resource: GroupResource, name: string, why = MODIFIED_MESSAGE): KubeEdgeError {
  return apiError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    details: named(resource, name),
  });
}

export function expired(message: string): KubeEdgeError {
  return apiError({ code: 410, reason: 'Expired', message });
}

export function tooLarge(limit: number): KubeEdgeError {
  return apiError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: limit is ${limit}`,
  });
}

export function unsupportedPatch(accepted: readonly string[]): KubeEdgeError {
  return apiError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  });
}

export function unsupportedMediaType(): KubeEdgeError {
  return apiError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: '415: Unsupported Media Type\n\nAvailable representations: ',
    details: {},
  });
}

export function internalError(problem: string): KubeEdgeError {
  return apiError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${problem}`,
    details: { causes: [{ message: problem }] },
  });
}

export function revisionTooLarge(asked: number, current: number): KubeEdgeError {
  return apiError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
