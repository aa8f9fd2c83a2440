import { edgedErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import { visibleText } from '../pod/failures.ts';

/** Waiting reasons that a pull can end with (spec/edged.md §6). */
export type ImageReason =
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'ErrImageNeverPull'
  | 'ErrImagePull'
  | 'RegistryUnavailable'
  | 'SignatureValidationFailed';

/** What CRI lets a runtime say of a failed pull, by the words its error begins with. */
const NAMED: readonly (readonly [ImageReason, why: string])[] = [
  ['RegistryUnavailable', 'the registry is unavailable'],
  ['SignatureValidationFailed', 'the signature validation failed'],
];

export function imageFailure(
  reason: ImageReason,
  problem: string,
  image: string,
  cause?: unknown,
): KubeEdgeError {
  return edgedErrors.create('EDGED_IMAGE', { reason, problem, image }, cause);
}

/** The runtime's error of a pull, in the kubelet's words. `error` may be several, one per credential that was tried. */
export function pullFailure(image: string, error: unknown): KubeEdgeError {
  const text = visibleText(error);
  for (const [reason, why] of NAMED) {
    if (text.startsWith(reason)) {
      const problem = `image pull failed for ${image} because ${why}${text.slice(reason.length)}`;
      return imageFailure(reason, problem, image, error);
    }
  }
  return imageFailure('ErrImagePull', text, image, error);
}
