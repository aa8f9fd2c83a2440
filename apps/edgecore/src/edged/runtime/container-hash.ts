/**
 * The value of the container-hash annotation: FNV-1a, 32 bits, lower-case hex, over a dump of the JSON of image and
 * name (spec/edged.md §3.4). Only ever compared with itself.
 */
export function containerHash(name: string, image: string): string {
  const json = Buffer.from(JSON.stringify({ image, name }));
  return fnv1a32(`([]uint8)[${json.join(' ')}]`).toString(16);
}

export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
