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

export function tooManyRequests(): KubeEdgeError {
  return apiError({
    code: 429,
    reason: 'TooManyRequests',
    message: 'too many requests, please try again later',
    details: { retryAfterSeconds: 1 },
  });
}

/** A body that did not arrive in time. */
export function requestTimeout(): KubeEdgeError {
  return apiError({
    code: 408,
    reason: 'Timeout',
    message: 'Timeout: the body of the request did not arrive in time',
  });
}

/** Reasons and texts for the statuses of another server whose body is text. */
const SERVER_RESPONSES: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
};

/** The Status for what another server answered about a resource, as Kubernetes makes it from status and text. */
export function serverResponse(
  code: number,
  resource: GroupResource,
  name: string,
  text: string,
): KubeEdgeError {
  const known = SERVER_RESPONSES[code];
  const [reason, message] =
    known ??
    (code === 403
      ? ['Forbidden', text]
      : code >= 500
        ? [
            'InternalError',
            `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`,
          ]
        : ['', `the server responded with the status code ${code} but did not return more information`]);
  return apiError({
    code,
    ...(reason !== '' && { reason }),
    // The empty word is where Kubernetes names a verb it does not know here.
    message: `${message} ( ${qualified(resource)} ${name})`,
    details: named(resource, name),
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
