import type { Container, Pod } from '@kubeedge-ts/apis';
import type { AuthConfig, CriClient, Image, Init, PodSandboxConfig } from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import { visibleText } from '../pod/failures.ts';
import { canonicalImage } from '../pod/image-match.ts';
import { createTurns } from '../turns.ts';
import { credentialsFor } from './pull-secrets.ts';
import type { ReadReferenced } from './referenced.ts';

export interface ImagePuller {
  /**
   * The image a container needs, pulled according to its policy (spec/edged.md §6).
   * @throws KubeEdgeError EDGED_IMAGE with the waiting reason in `reason`; a failed pull may be tried again
   */
  ensure(request: ImageRequest, signal: AbortSignal): Promise<Image>;
}

export interface ImageRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly read: ReadReferenced;
  readonly sandbox: Init<PodSandboxConfig>;
}

/** What a reference may look like: path, optional tag, optional digest. */
const REFERENCE = /^[\w.\-:]+(\/[\w.-]+)*(:[\w.-]{1,128})?(@[a-z0-9+._-]+:[0-9a-fA-F]{32,})?$/;
const MAX_REFERENCE = 2048;

export interface ImagePullerOptions {
  readonly cri: Pick<CriClient, 'imageStatus' | 'pullImage'>;
  /** The cloud is away. What is on the node is then used as it is, whatever the pull policy (DESIGN §2, autonomy). */
  readonly offline: () => boolean;
}

export function createImagePuller({ cri, offline }: ImagePullerOptions): ImagePuller {
  /** Upstream's serializeImagePulls: a slow link serves one pull at a time. */
  const turns = createTurns();

  const look = async (name: string, signal: AbortSignal): Promise<Image | undefined> => {
    try {
      return (await cri.imageStatus({ image: { image: name } }, { signal })).image;
    } catch (error) {
      if (signal.aborted) throw error;
      throw failure(
        'ImageInspectError',
        `Failed to inspect image "${name}": ${visibleText(error)}`,
        name,
        error,
      );
    }
  };

  const pull = async (name: string, request: ImageRequest, signal: AbortSignal): Promise<void> => {
    const { pod, read, sandbox } = request;
    const candidates: (Init<AuthConfig> | undefined)[] = await credentialsFor(name, pod, read);
    let last: unknown;
    for (const auth of candidates.length === 0 ? [undefined] : candidates) {
      try {
        const image = { image: name, annotations: { ...pod.metadata.annotations } };
        await cri.pullImage({ image, auth, sandboxConfig: sandbox }, { signal });
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
      }
    }
    throw failure('ErrImagePull', visibleText(last), name, last);
  };

  return {
    async ensure(request, signal) {
      const { container } = request;
      const wanted = container.image ?? '';
      if (wanted.length > MAX_REFERENCE || !REFERENCE.test(wanted) || /[A-Z]/.test(repositoryOf(wanted))) {
        const text = `Failed to apply default image tag "${wanted}": couldn't parse image name: invalid reference format`;
        throw failure('InvalidImageName', text, wanted);
      }
      const name = withTag(wanted);
      const present = await look(name, signal);
      const policy = container.imagePullPolicy ?? (name.endsWith(':latest') ? 'Always' : 'IfNotPresent');
      if (present !== undefined && (policy !== 'Always' || offline())) return present;
      if (policy === 'Never') {
        const text = `Container image "${wanted}" is not present with pull policy of Never`;
        throw failure('ErrImageNeverPull', text, wanted);
      }
      await turns.run(() => pull(name, request, signal), signal);
      const pulled = await look(name, signal);
      if (pulled === undefined)
        throw failure('ErrImagePull', `image "${name}" is missing after the pull`, name);
      return pulled;
    },
  };
}

/** `busybox` → `busybox:latest`; tags and digests stay. */
function withTag(image: string): string {
  return canonicalImage(image).endsWith(':latest') && !image.endsWith(':latest') ? `${image}:latest` : image;
}

/** The path without registry, tag and digest: upper case is not allowed there. */
function repositoryOf(image: string): string {
  const path = canonicalImage(image).split('@')[0] ?? '';
  const slash = path.indexOf('/');
  return path.slice(slash + 1).replace(/:[^/]*$/, '');
}

function failure(reason: string, problem: string, image: string, cause?: unknown) {
  return edgedErrors.create('EDGED_IMAGE', { reason, problem, image }, cause);
}
