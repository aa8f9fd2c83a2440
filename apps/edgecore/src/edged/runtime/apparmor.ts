import type { Container, Pod } from '@kubeedge-ts/apis';
import { type Init, type LinuxContainerSecurityContext, SecurityProfileProfileType } from '@kubeedge-ts/cri';
import { everyContainerOf } from '../pod/spec.ts';

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const RUNTIME_DEFAULT = 'runtime/default';
const UNCONFINED = 'unconfined';
const LOCALHOST = 'localhost/';

type Profile = NonNullable<NonNullable<Container['securityContext']>['appArmorProfile']>;

/** Both forms of the container's profile for the runtime; nothing when none is asked for (spec/edged.md §3.6). */
export function apparmorOf(pod: Pod, container: Container): Init<LinuxContainerSecurityContext> {
  const profile = profileOf(pod, container);
  switch (profile?.type) {
    case 'RuntimeDefault':
      return {
        apparmor: { profileType: SecurityProfileProfileType.RuntimeDefault },
        apparmorProfile: RUNTIME_DEFAULT,
      };
    case 'Unconfined':
      return {
        apparmor: { profileType: SecurityProfileProfileType.Unconfined },
        apparmorProfile: UNCONFINED,
      };
    case 'Localhost': {
      const localhostRef = profile.localhostProfile ?? '';
      return {
        apparmor: { profileType: SecurityProfileProfileType.Localhost, localhostRef },
        apparmorProfile: `${LOCALHOST}${localhostRef}`,
      };
    }
    default:
      return {};
  }
}

/** Why the pod's profiles cannot be enforced, in the kubelet's words; undefined when they can or there are none. */
export function apparmorProblem(pod: Pod, enabled: boolean): string | undefined {
  const profiles = everyContainerOf(pod).map((container) => profileOf(pod, container));
  // A profile of the pod counts even where every container has its own.
  const asked = [pod.spec?.securityContext?.appArmorProfile, ...profiles].filter(
    (profile) => profile !== undefined && profile.type !== 'Unconfined',
  );
  if (asked.length === 0) return undefined;
  if (!enabled) return 'AppArmor is not enabled on the host';
  const nameless = asked.some(
    (profile) => profile?.type === 'Localhost' && (profile.localhostProfile ?? '').trim() === '',
  );
  return nameless ? 'invalid empty AppArmor profile name' : undefined;
}

/** The container's own field, then the annotation from before the field, then the pod's. */
function profileOf(pod: Pod, container: Container): Profile | undefined {
  return (
    container.securityContext?.appArmorProfile ??
    profileOfAnnotation(pod.metadata.annotations?.[`${ANNOTATION}${container.name}`]) ??
    pod.spec?.securityContext?.appArmorProfile
  );
}

function profileOfAnnotation(value: string | undefined): Profile | undefined {
  if (value === RUNTIME_DEFAULT) return { type: 'RuntimeDefault' };
  if (value === UNCONFINED) return { type: 'Unconfined' };
  if (value?.startsWith(LOCALHOST))
    return { type: 'Localhost', localhostProfile: value.slice(LOCALHOST.length) };
  return undefined;
}
