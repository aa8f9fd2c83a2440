import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';

/** The gRPC status behind an error of the runtime or of another gRPC server; undefined when there is none. */
export function grpcCodeOf(error: unknown): string | undefined {
  if (!isKubeEdgeError(error)) return undefined;
  if (error.code.endsWith('_UNAVAILABLE')) return 'UNAVAILABLE';
  if (error.code === 'CRI_NOT_FOUND') return 'NOT_FOUND';
  const { grpcCode } = error.details;
  return typeof grpcCode === 'string' ? grpcCode : undefined;
}

/** What the other side said, without our own words around it. */
export function rpcProblem(error: unknown): string {
  const problem = isKubeEdgeError(error) ? error.details['problem'] : undefined;
  return problem === undefined ? errorText(error) : String(problem);
}

/** As gRPC for Go words a failed call: `rpc error: code = NotFound desc = no such container`. */
export function rpcText(error: unknown): string {
  const code = grpcCodeOf(error);
  if (code === undefined) return errorText(error);
  const name = code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return `rpc error: code = ${name} desc = ${rpcProblem(error)}`;
}
