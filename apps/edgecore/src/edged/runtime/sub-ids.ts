import type { Host } from '../host.ts';

export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Ids of one user namespace at least, and what ranges must be multiples of. */
export const IDS = 65_536;
/** All but the first 65,536, which the machine's own users have. */
const DEFAULT: IdRange = { first: IDS, count: 2 ** 32 - IDS };
const USER = 'kubelet';

/**
 * Host ids for the user namespaces of pods: those that `/etc/subuid` and `/etc/subgid` both give the user `kubelet`,
 * where there is such a user; otherwise all beyond the machine's own. Unusable entries count as none.
 */
export async function idRange(host: Pick<Host, 'readText'>): Promise<IdRange> {
  const users = (await host.readText('/etc/passwd')) ?? '';
  if (!new RegExp(`^${USER}:`, 'm').test(users)) return DEFAULT;
  const [uids, gids] = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map(async (path) => rangeIn((await host.readText(path)) ?? '')),
  );
  const same = uids !== undefined && uids.first === gids?.first && uids.count === gids.count;
  return same ? uids : DEFAULT;
}

/** `kubelet:65536:7208960`, exactly once, in whole namespaces and not the machine's own ids. */
function rangeIn(text: string): IdRange | undefined {
  const lines = [...text.matchAll(new RegExp(`^${USER}:(\\d+):(\\d+)$`, 'gm'))];
  const [line] = lines;
  if (line === undefined || lines.length > 1) return undefined;
  const range = { first: Number(line[1]), count: Number(line[2]) };
  const usable =
    range.first >= IDS && range.first % IDS === 0 && range.count >= IDS && range.count % IDS === 0;
  return usable ? range : undefined;
}
