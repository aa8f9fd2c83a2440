import type { Deployment, ReplicaSet } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';

export const TEMPLATE_HASH = 'pod-template-hash';

type Template = NonNullable<NonNullable<Deployment['spec']>['template']>;

/** True when both describe the same pods. The hash label is ours and does not count. */
export function sameTemplate(a: Template | undefined, b: Template | undefined): boolean {
  return sameJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: Template | undefined): object {
  const { [TEMPLATE_HASH]: _hash, ...labels } = template?.metadata?.labels ?? {};
  // The server writes a zero creationTimestamp into templates as null; it says nothing.
  const { creationTimestamp: _time, ...metadata } = template?.metadata ?? {};
  return { metadata: { ...metadata, labels }, spec: template?.spec };
}

/** Letters that spell no words and cannot be mistaken for each other. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a template; `collisions` counts the names that were found taken. */
export function templateHash(template: Template | undefined, collisions: number): string {
  const text = JSON.stringify([sorted(withoutHash(template)), collisions]);
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Array.from(String(hash), (digit) => ALPHABET[Number(digit)]).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, sorted(field)]),
  );
}

/** The ReplicaSet of the Deployment's template: the oldest, should there be several. */
export function currentSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets
    .filter((set) => sameTemplate(set.spec?.template, deployment.spec?.template))
    .sort(oldestFirst)[0];
}

export function oldestFirst(a: ReplicaSet, b: ReplicaSet): number {
  const created = (set: ReplicaSet) => Date.parse(set.metadata.creationTimestamp ?? '') || 0;
  return created(a) - created(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
}
