import type { Container, Pod } from '@kubeedge-ts/apis';
import { type Init, NamespaceMode, type NamespaceOption, type UserNamespace } from '@kubeedge-ts/cri';
import type { PodRuntime } from '../pod/types.ts';
import { configProblem } from './config-problem.ts';

/** Which namespaces a pod has of its own (spec/edged.md §3.3). `users`: its user namespace, if it has one. */
export function podNamespaces({ spec }: Pod, users?: Init<UserNamespace>): Init<NamespaceOption> {
  const own = spec?.shareProcessNamespace === true ? NamespaceMode.POD : NamespaceMode.CONTAINER;
  return {
    network: spec?.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: spec?.hostPID === true ? NamespaceMode.NODE : own,
    ipc: spec?.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
    ...(users === undefined ? {} : { usernsOptions: users }),
  };
}

/**
 * Those of one container. `targetId`: the container whose processes an ephemeral one sees; where all containers of the
 * pod see each other anyway it changes nothing.
 */
export function containerNamespaces(
  pod: Pod,
  { users, targetId }: { readonly users?: Init<UserNamespace>; readonly targetId?: string } = {},
): Init<NamespaceOption> {
  const options = podNamespaces(pod, users);
  if (targetId === undefined || options.pid !== NamespaceMode.CONTAINER) return options;
  return { ...options, pid: NamespaceMode.TARGET, targetId };
}

/** Id of the container that an ephemeral one targets; undefined without a target. @throws EDGED_CONTAINER_CONFIG */
export function targetIdOf(container: Container, { containers }: PodRuntime): string | undefined {
  const { targetContainerName } = container as { targetContainerName?: string };
  if (!targetContainerName) return undefined;
  const target = containers.find(({ name }) => name === targetContainerName);
  if (target === undefined) throw configProblem(`unable to find target container ${targetContainerName}`);
  return target.id;
}
