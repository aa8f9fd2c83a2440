import type { Container, Pod } from '@kubeedge-ts/apis';
import type { CriClient, Image, Init, PodSandboxConfig } from '@kubeedge-ts/cri';
import type { Clock } from '@kubeedge-ts/runtime';
import type { Events } from '../events.ts';
import { visibleText } from '../pod/failures.ts';
import { isReference, withTag } from './image-reference.ts';
import { imageFailure, pullFailure } from './pull-failure.ts';
import { createPullGate } from './pull-gate.ts';
import { credentialsFor } from './pull-secrets.ts';
import type { ReadReferenced } from './referenced.ts';

export interface ImagePuller {
  /**
   * The image a container or a volume needs, pulled according to its policy (spec/edged.md §6).
   * @throws KubeEdgeError EDGED_IMAGE with the waiting reason in `reason`; a failed pull may be tried again
   */
  ensure(request: ImageRequest, signal: AbortSignal): Promise<Image>;
}

export interface ImageRequest {
  readonly pod: Pod;
  /** Whose image it is; of a volume's, the container that mounts it. No policy: `Always` for `latest`. */
  readonly container: Pick<Container, 'name' | 'image' | 'imagePullPolicy'>;
  readonly read: ReadReferenced;
  readonly sandbox: Init<PodSandboxConfig>;
}

export interface PullSettings {
  /** Pulls at once; `Infinity` for any number. */
  readonly parallel: number;
  /** Pulls begun per second in the long run; 0: any number. */
  readonly perSecond: number;
  readonly burst: number;
}

export interface ImagePullerOptions {
  readonly cri: Pick<CriClient, 'imageStatus' | 'pullImage'>;
  /** The cloud is away. What is on the node is then used as it is, whatever the pull policy (DESIGN §2, autonomy). */
  readonly offline: () => boolean;
  readonly events: Events;
  readonly clock: Clock;
  readonly settings: PullSettings;
}

export function createImagePuller(options: ImagePullerOptions): ImagePuller {
  const { cri, offline, events, clock, settings } = options;
  const gate = createPullGate({ clock, ...settings });

  const look = async (name: string, signal: AbortSignal): Promise<Image | undefined> => {
    try {
      return (await cri.imageStatus({ image: { image: name } }, { signal })).image;
    } catch (error) {
      if (signal.aborted) throw error;
      const text = `Failed to inspect image "${name}": ${visibleText(error)}`;
      throw imageFailure('ImageInspectError', text, name, error);
    }
  };

  /** With each credential that fits until one is taken. */
  const pull = async (name: string, request: ImageRequest, signal: AbortSignal): Promise<void> => {
    const { pod, read, sandbox } = request;
    const { fitting, missing } = await credentialsFor(name, pod, read);
    if (missing.length > 0) {
      const text = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
      events.pod(pod, 'Warning', 'FailedToRetrieveImagePullSecret', text);
    }
    const image = { image: name, annotations: { ...pod.metadata.annotations } };
    let last: unknown;
    for (const auth of fitting.length === 0 ? [undefined] : fitting) {
      try {
        await cri.pullImage({ image, auth, sandboxConfig: sandbox }, { signal });
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
      }
    }
    throw pullFailure(request.container.image ?? name, last);
  };

  const pulled = async (name: string, request: ImageRequest, signal: AbortSignal): Promise<Image> => {
    const { pod, container: wanted } = request;
    const { name: container, image = '' } = wanted;
    events.pod(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, container);
    const asked = clock.monotonic();
    let begun = asked;
    try {
      await gate.run(() => {
        begun = clock.monotonic();
        return pull(name, request, signal);
      }, signal);
      const found = await look(name, signal);
      if (found === undefined)
        throw imageFailure('ErrImagePull', `image "${name}" is missing after the pull`, name);
      const now = clock.monotonic();
      const times = `${goDuration(now - begun)} (${goDuration(now - asked)} including waiting)`;
      const text = `Successfully pulled image "${image}" in ${times}. Image size: ${found.size} bytes.`;
      events.pod(pod, 'Normal', 'Pulled', text, container);
      return found;
    } catch (error) {
      if (!signal.aborted) {
        const text = `Failed to pull image "${image}": ${visibleText(error)}`;
        events.pod(pod, 'Warning', 'Failed', text, container);
        events.pod(pod, 'Normal', 'BackOff', `Back-off pulling image "${image}"`, container);
      }
      throw error;
    }
  };

  return {
    async ensure(request, signal) {
      const { pod, container: wanted } = request;
      const { name: container, image = '' } = wanted;
      if (!isReference(image)) {
        const text = `Failed to apply default image tag "${image}": couldn't parse image name: invalid reference format`;
        events.pod(pod, 'Warning', 'InspectFailed', text, container);
        throw imageFailure('InvalidImageName', text, image);
      }
      const name = withTag(image);
      const present = await look(name, signal).catch((error) => {
        if (!signal.aborted) events.pod(pod, 'Warning', 'InspectFailed', visibleText(error), container);
        throw error;
      });
      const policy = wanted.imagePullPolicy ?? (name.endsWith(':latest') ? 'Always' : 'IfNotPresent');
      if (present !== undefined && (policy !== 'Always' || offline())) {
        const text = `Container image "${image}" already present on machine`;
        events.pod(pod, 'Normal', 'Pulled', text, container);
        return present;
      }
      if (policy === 'Never') {
        const text = `Container image "${image}" is not present with pull policy of Never`;
        events.pod(pod, 'Warning', 'ErrImageNeverPull', text, container);
        throw imageFailure('ErrImageNeverPull', text, image);
      }
      return pulled(name, request, signal);
    },
  };
}

/** `1.234s`, `56ms` or `2m3.4s`, as Go prints a duration of whole milliseconds. */
function goDuration(ms: number): string {
  const whole = Math.trunc(ms);
  if (whole < 1000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(whole % 60_000) / 1000}s`;
}
