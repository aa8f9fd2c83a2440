/** gRPC status codes by number (grpc.io, "Status codes and their use"). */
const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type GrpcCode = (typeof NAMES)[number];

/** How a call ended; `details` is the other side's text, or ours where there was no other side. */
export type GrpcStatus =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: GrpcCode; readonly details: string };
export type GrpcFailure = Extract<GrpcStatus, { ok: false }>;

/** Longer texts are cut: they end up in errors and logs. */
const MAX_DETAILS = 4096;

export const OK: GrpcStatus = { ok: true };

export function failure(code: GrpcCode, details: string): GrpcFailure {
  return { ok: false, code, details: details.slice(0, MAX_DETAILS) };
}

export function codeNumber(code: GrpcCode): number {
  return NAMES.indexOf(code);
}

/** The status in a response's trailers (or its only headers); undefined when they carry none. */
export function statusOf(headers: Readonly<Record<string, unknown>>): GrpcStatus | undefined {
  const number = headers['grpc-status'];
  if (number === undefined) return undefined;
  if (number === '0') return OK;
  return failure(NAMES[Number(number)] ?? 'UNKNOWN', decodeDetails(headers['grpc-message']));
}

/** What an answer without a gRPC status means (grpc.io, "HTTP to gRPC status code mapping"). */
export function statusOfHttp(http: unknown): GrpcFailure {
  const byHttp: Record<string, GrpcCode> = {
    400: 'INTERNAL',
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'UNIMPLEMENTED',
    429: 'UNAVAILABLE',
    502: 'UNAVAILABLE',
    503: 'UNAVAILABLE',
    504: 'UNAVAILABLE',
  };
  return failure(byHttp[String(http)] ?? 'UNKNOWN', `HTTP status ${String(http)}`);
}

/** grpc-message is percent-encoded UTF-8; a server that does it wrong still has its text shown. */
function decodeDetails(value: unknown): string {
  const text = Array.isArray(value) ? value.join(' ') : String(value ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The counterpart of `decodeDetails`: everything but printable ASCII, and `%`, is escaped. */
export function encodeDetails(text: string): string {
  return text
    .slice(0, MAX_DETAILS)
    .toWellFormed()
    .replace(/[^ -~]|%/gu, encodeURIComponent);
}
