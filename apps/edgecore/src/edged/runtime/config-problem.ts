import { edgedErrors, type KubeEdgeError } from '@kubeedge-ts/errors';

/** A container that cannot be made as its pod describes it: it waits with CreateContainerConfigError. */
export function configProblem(problem: string, cause?: unknown): KubeEdgeError {
  return edgedErrors.create(
    'EDGED_CONTAINER_CONFIG',
    { reason: 'CreateContainerConfigError', problem },
    cause,
  );
}
