import { join } from 'node:path';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { type Init, type SecurityProfile, SecurityProfileProfileType } from '@kubeedge-ts/cri';
import { configProblem } from './config-problem.ts';

export interface SeccompDefaults {
  /** Local profiles lie in `seccomp` below it. */
  readonly rootDir: string;
  /** Containers that say nothing get the runtime's profile instead of none. */
  readonly seccompDefault: boolean;
}

/** Both forms of the setting: runtimes from before the message read the string. */
export interface Seccomp {
  readonly seccomp: Init<SecurityProfile>;
  readonly seccompProfilePath: string;
}

export const RUNTIME_DEFAULT_SECCOMP: Seccomp = {
  seccomp: { profileType: SecurityProfileProfileType.RuntimeDefault },
  seccompProfilePath: 'runtime/default',
};
const UNCONFINED: Seccomp = {
  seccomp: { profileType: SecurityProfileProfileType.Unconfined },
  seccompProfilePath: 'unconfined',
};

/** The container's profile, else the pod's, else the default (spec/edged.md §3.6). @throws EDGED_CONTAINER_CONFIG */
export function seccompOf(pod: Pod, container: Container, defaults: SeccompDefaults): Seccomp {
  const profile = container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile;
  switch (profile?.type ?? (defaults.seccompDefault ? 'RuntimeDefault' : 'Unconfined')) {
    case 'RuntimeDefault':
      return RUNTIME_DEFAULT_SECCOMP;
    case 'Localhost': {
      const localhostRef = localProfile(profile?.localhostProfile ?? '', defaults.rootDir);
      return {
        seccomp: { profileType: SecurityProfileProfileType.Localhost, localhostRef },
        seccompProfilePath: `localhost/${localhostRef}`,
      };
    }
    default:
      return UNCONFINED;
  }
}

function localProfile(name: string, rootDir: string): string {
  if (name === '') throw configProblem('localhostProfile must be set if seccompProfile type is Localhost.');
  // The API server refuses such names; a static pod comes without it.
  if (name.startsWith('/') || name.split('/').includes('..'))
    throw configProblem(`localhostProfile "${name}" must be a path below the seccomp directory`);
  return join(rootDir, 'seccomp', name);
}
