import type { Pod } from '@kubeedge-ts/apis';
import { SupplementalGroupsPolicy } from '@kubeedge-ts/cri';
import { apparmorProblem } from './apparmor.ts';
import { groupsPolicyOf } from './security-context.ts';
import { type SysctlAllowlist, sysctlProblem } from './sysctls.ts';

/** What the machine and its runtime can do for the isolation of pods. */
export interface IsolationFacts {
  readonly sysctls: SysctlAllowlist;
  readonly apparmor: boolean;
  /** The runtime can keep the groups of an image out of a container. */
  readonly strictGroups: boolean;
}

export interface Refusal {
  /** Reason of the pod's status. */
  readonly reason: 'SysctlForbidden' | 'AppArmor' | 'SupplementalGroupsPolicyNotSupported';
  readonly message: string;
}

/**
 * Why the pod must not run here, undefined when it may: a setting of the kernel that is not the pod's own, or an
 * isolation that it asks for and would silently not get. Reasons and words are the kubelet's.
 */
export function refusalOf(pod: Pod, facts: IsolationFacts): Refusal | undefined {
  const sysctl = sysctlProblem(pod, facts.sysctls);
  if (sysctl !== undefined) return { reason: 'SysctlForbidden', message: sysctl };
  const apparmor = apparmorProblem(pod, facts.apparmor);
  if (apparmor !== undefined) return { reason: 'AppArmor', message: `Cannot enforce AppArmor: ${apparmor}` };
  const strict = groupsPolicyOf(pod.spec?.securityContext ?? {}) === SupplementalGroupsPolicy.Strict;
  if (strict && !facts.strictGroups) {
    return {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    };
  }
  return undefined;
}
