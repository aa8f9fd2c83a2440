import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Random } from '@kubeedge-ts/runtime';
import type { StartFailure } from './types.ts';

const FIRST_MS = 1_000;
const MAX_MS = 20_000;
const IMAGE_FIRST_MS = 10_000;
const IMAGE_MAX_MS = 300_000;
/** A pull that failed; the runtime may have said why. */
const PULL = new Set(['ErrImagePull', 'RegistryUnavailable', 'SignatureValidationFailed']);
/** Reasons that a retry cannot mend: only a new spec or a new image does; looked at again now and then. */
const PATIENT = new Set(['InvalidImageName', 'ErrImageNeverPull']);

interface Tally {
  /** The reason; one for all that a pull can end with. */
  readonly kind: string;
  readonly count: number;
}

/** What has failed for one pod, and when it may be tried again. */
export interface Failures {
  readonly current: ReadonlyMap<string, StartFailure>;
  /** `key`: container name, `''` for the sandbox. `subject` tells attempts apart, such as the image. */
  record(key: string, subject: string, error: unknown, now: number): StartFailure;
  succeeded(key: string): void;
  /** Failures that an event may have mended may be tried at once. */
  retryNow(mended: (reason: string) => boolean): void;
}

export function createFailures(random: Random): Failures {
  const current = new Map<string, StartFailure>();
  const tallies = new Map<string, Tally>();
  return {
    current,
    record(key, subject, error, now) {
      const reason = reasonOf(error, key === '' ? 'FailedCreatePodSandBox' : 'RunContainerError');
      const message = visibleText(error);
      const pull = PULL.has(reason);
      // Of a volume, another image than the container's.
      const image = pull ? imageOf(error, subject) : '';
      const tallyKey = `${key}\0${image}`;
      const kind = pull ? 'pull' : reason;
      const count = tallies.get(tallyKey)?.kind === kind ? (tallies.get(tallyKey)?.count ?? 0) + 1 : 1;
      tallies.set(tallyKey, { kind, count });
      const failure = { reason, message, at: now, retryAt: now + delayOf(reason, pull, count, random) };
      const full: StartFailure = pull
        ? {
            ...failure,
            later: {
              reason: 'ImagePullBackOff',
              message: `Back-off pulling image "${image}": ${reason}: ${message}`,
            },
          }
        : failure;
      current.set(key, full);
      return full;
    },
    succeeded(key) {
      current.delete(key);
      for (const tallyKey of tallies.keys()) if (tallyKey.startsWith(`${key}\0`)) tallies.delete(tallyKey);
    },
    retryNow(mended) {
      for (const [key, failure] of current) {
        if (mended(failure.reason)) current.set(key, { ...failure, retryAt: 0 });
      }
    },
  };
}

function imageOf(error: unknown, fallback: string): string {
  const image = isKubeEdgeError(error, 'EDGED_IMAGE') ? error.details['image'] : undefined;
  return typeof image === 'string' && image !== '' ? image : fallback;
}

/** The pull back-off is upstream's, without jitter; others spread out. */
function delayOf(reason: string, pull: boolean, count: number, random: Random): number {
  if (pull) return Math.min(IMAGE_MAX_MS, IMAGE_FIRST_MS * 2 ** (count - 1));
  if (PATIENT.has(reason)) return MAX_MS;
  return Math.min(MAX_MS, FIRST_MS * 2 ** (count - 1)) * (1 - 0.5 * random.next());
}

/** What a user sees in the pod's status: the runtime's words without our own chain of causes. */
export function visibleText(error: unknown): string {
  if (!isKubeEdgeError(error)) return errorText(error);
  const { problem } = error.details;
  return typeof problem === 'string' && !error.code.startsWith('EDGED_VOLUME') ? problem : error.message;
}

function reasonOf(error: unknown, fallback: string): string {
  if (!isKubeEdgeError(error)) return fallback;
  if (typeof error.details['reason'] === 'string' && error.code.startsWith('EDGED_'))
    return error.details['reason'];
  // The store or the cloud could not give what the pod refers to.
  if (error.code.startsWith('EDGE_') || error.code.startsWith('STORE_')) return 'FailedMount';
  return fallback;
}
