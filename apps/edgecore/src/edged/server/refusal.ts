import { edgedErrors, errorText, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';

/** A request that is answered with that status and text. `allow`: the methods there are, for a 405. */
export function refusal(status: number, problem: string, allow?: string): KubeEdgeError {
  return edgedErrors.create('EDGED_REQUEST', { status, problem, ...(allow === undefined ? {} : { allow }) });
}

const BY_GRPC_CODE: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  RESOURCE_EXHAUSTED: 429,
  UNIMPLEMENTED: 501,
};

/** Status and text that an error is answered with. */
export function answerOf(error: unknown): {
  readonly status: number;
  readonly text: string;
  readonly allow?: string;
} {
  if (isKubeEdgeError(error, 'EDGED_REQUEST')) {
    const { status, allow } = error.details;
    return {
      status: Number(status),
      text: error.message,
      ...(allow === undefined ? {} : { allow: String(allow) }),
    };
  }
  const text = errorText(error);
  if (isKubeEdgeError(error, 'CRI_NOT_FOUND')) return { status: 404, text };
  if (isKubeEdgeError(error, 'CRI_UNAVAILABLE')) return { status: 503, text };
  if (isKubeEdgeError(error, 'CRI_FAILED'))
    return { status: BY_GRPC_CODE[String(error.details['grpcCode'])] ?? 500, text };
  return { status: 500, text };
}
