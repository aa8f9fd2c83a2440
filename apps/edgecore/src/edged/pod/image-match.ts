import type { RuntimeContainer } from './types.ts';

/**
 * Whether the container was made from another image than the spec now asks for. A container of another edgecore says
 * only what the runtime calls its image; unless that clearly differs it counts as unchanged, so that a swap of
 * edgecore restarts nothing (spec/edged.md §3.4).
 */
export function imageChanged(
  wanted: string,
  container: Pick<RuntimeContainer, 'image' | 'specImage'>,
): boolean {
  if (container.specImage !== undefined) return container.specImage !== wanted;
  if (container.image === '' || isId(container.image)) return false;
  const [has, wants] = [canonicalImage(container.image), canonicalImage(wanted)];
  if (has === wants) return false;
  // A digest and a tag may name the same image.
  return has.includes('@') === wants.includes('@');
}

function isId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(image);
}

/** `busybox` → `docker.io/library/busybox:latest`. */
export function canonicalImage(image: string): string {
  const slash = image.indexOf('/');
  const host = slash === -1 ? '' : image.slice(0, slash);
  const hasHost = host.includes('.') || host.includes(':') || host === 'localhost';
  const path = hasHost ? image : `docker.io/${slash === -1 ? 'library/' : ''}${image}`;
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? path : `${path}:latest`;
}
