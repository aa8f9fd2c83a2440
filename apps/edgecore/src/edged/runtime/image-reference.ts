import { canonicalImage } from '../pod/image-match.ts';

/** What a reference may look like: path with an optional port of the registry, optional tag, optional digest. */
const REFERENCE =
  /^(\[[\da-fA-F:]+\]|[\w.-]+)(:\d+(?=\/))?(\/[\w.-]+)*(:[\w.-]{1,128})?(@[a-z0-9+._-]+:[0-9a-fA-F]{32,})?$/;
const MAX_REFERENCE = 2048;

/** Whether a registry could have an image of that name. */
export function isReference(image: string): boolean {
  return image.length <= MAX_REFERENCE && REFERENCE.test(image) && !/[A-Z]/.test(repositoryOf(image));
}

/** `busybox` → `busybox:latest`; tags and digests stay. */
export function withTag(image: string): string {
  return canonicalImage(image).endsWith(':latest') && !image.endsWith(':latest') ? `${image}:latest` : image;
}

/** The path without registry, tag and digest: upper case is not allowed there. */
function repositoryOf(image: string): string {
  const path = canonicalImage(image).split('@')[0] ?? '';
  const slash = path.indexOf('/');
  return path.slice(slash + 1).replace(/:[^/]*$/, '');
}
