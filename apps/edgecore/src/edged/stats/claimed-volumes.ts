import { isRecord } from '@kubeedge-ts/apis';
import type { Clock } from '@kubeedge-ts/runtime';

/** The name of the volume a claim is bound to; undefined while it is not known. Asks in the background. */
export type VolumeOfClaim = (namespace: string, claim: string) => string | undefined;

/** A claim of that name may by then be another one. */
const KEEP_MS = 600_000;
const MAX_KNOWN = 4_096;

export function createVolumeOfClaim(
  getClaim: (namespace: string, claim: string) => Promise<unknown>,
  clock: Pick<Clock, 'monotonic'>,
): VolumeOfClaim {
  const known = new Map<string, { readonly name: string | undefined; readonly askAgainAt: number }>();
  const ask = async (key: string, namespace: string, claim: string): Promise<void> => {
    const object = await getClaim(namespace, claim).catch(() => undefined);
    const spec = isRecord(object) ? object['spec'] : undefined;
    const name = isRecord(spec) ? spec['volumeName'] : undefined;
    const askAgainAt = clock.monotonic() + KEEP_MS;
    known.set(key, { name: typeof name === 'string' && name !== '' ? name : undefined, askAgainAt });
  };
  return (namespace, claim) => {
    const key = `${namespace}/${claim}`;
    const entry = known.get(key);
    if (entry === undefined || clock.monotonic() >= entry.askAgainAt) {
      if (known.size >= MAX_KNOWN) known.clear();
      // not asked twice while the answer is under way
      known.set(key, { name: entry?.name, askAgainAt: clock.monotonic() + KEEP_MS });
      void ask(key, namespace, claim);
    }
    return entry?.name;
  };
}
