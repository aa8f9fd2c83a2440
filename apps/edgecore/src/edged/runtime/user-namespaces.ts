import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, type Pod } from '@kubeedge-ts/apis';
import {
  type IDMapping,
  type Init,
  NamespaceMode,
  type RuntimeHandler,
  type UserNamespace,
} from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Host } from '../host.ts';
import { createTurns } from '../turns.ts';
import { identityOf } from './labels.ts';
import { IDS, type IdRange, idRange } from './sub-ids.ts';

/** Host ids of the pods that have a user namespace of their own (`hostUsers: false`). */
export interface UserNamespaces {
  /**
   * The pod's ids, picked once and kept over restarts of edgecore; undefined for pods of the host's namespace.
   * @throws EDGED_POD_CONFIG when there are no ids left or the record of them is unusable
   */
  of(pod: Pod): Promise<Init<UserNamespace> | undefined>;
  /** The pod's ids may be given to another one. */
  release(uid: string): void;
}

/** Why the pod cannot have a user namespace of its own, in the kubelet's words; undefined when it can or wants none. */
export function userNamespaceProblem(
  { spec }: Pod,
  handler: string,
  handlers: readonly RuntimeHandler[],
): string | undefined {
  if (spec?.hostUsers !== false) return undefined;
  const known = handlers.find(({ name }) => name === handler);
  if (known?.features?.userNamespaces === true) return undefined;
  const who = handler === '' ? 'runtime' : `RuntimeClass handler "${handler}"`;
  return `can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`;
}

/** In the pod's directory, in the kubelet's format: either edgecore finds the other's. */
const RECORD = 'userns';
const MAX_RECORD_BYTES = 4_096;

export interface UserNamespacesOptions {
  readonly rootDir: string;
  readonly host: Pick<Host, 'readText' | 'list'>;
  /** Ids of one pod; a multiple of 65,536. */
  readonly idsPerPod: number;
}

export function createUserNamespaces(options: UserNamespacesOptions): UserNamespaces {
  const { rootDir, host, idsPerPod } = options;
  const podsDir = join(rootDir, 'pods');
  const turns = createTurns();
  const taken = new Map<string, IdRange>();
  let range: IdRange | undefined;

  /** What is on disk from an earlier run counts as taken. */
  const start = async (): Promise<IdRange> => {
    if (range !== undefined) return range;
    const found = await idRange(host);
    for (const uid of await host.list(podsDir)) {
      const ids = await readRecord(join(podsDir, uid)).catch(() => undefined);
      if (ids !== undefined) taken.set(uid, ids);
    }
    range = found;
    return found;
  };

  const pick = (all: IdRange): IdRange | undefined => {
    for (let first = all.first; first + idsPerPod <= all.first + all.count; first += idsPerPod) {
      const ids = { first, count: idsPerPod };
      if (![...taken.values()].some((other) => overlap(ids, other))) return ids;
    }
    return undefined;
  };

  return {
    of(pod) {
      if (pod.spec?.hostUsers !== false) return Promise.resolve(undefined);
      return turns.run(async () => {
        const { uid, name } = identityOf(pod);
        const all = await start();
        const dir = join(podsDir, uid);
        let ids = taken.get(uid) ?? (await readRecord(dir, name));
        if (ids === undefined) {
          ids = pick(all);
          if (ids === undefined)
            throw problem(name, 'could not find an empty slot to allocate a user namespace');
          await writeRecord(dir, mappingOf(ids));
        }
        taken.set(uid, ids);
        const mappings = [mappingOf(ids)];
        return { mode: NamespaceMode.POD, uids: mappings, gids: mappings };
      });
    },
    release: (uid) => void taken.delete(uid),
  };

  /** Undefined without a record. */
  async function readRecord(dir: string, pod = ''): Promise<IdRange | undefined> {
    const text = await readFile(join(dir, RECORD), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
      throw error;
    });
    if (text === '') return undefined;
    const ids = text.length > MAX_RECORD_BYTES ? undefined : idsIn(text);
    if (ids === undefined) throw problem(pod, `user namespace: invalid mappings in ${join(dir, RECORD)}`);
    return ids;
  }
}

function overlap(one: IdRange, other: IdRange): boolean {
  return one.first < other.first + other.count && other.first < one.first + one.count;
}

function mappingOf({ first, count }: IdRange): IDMapping {
  return { hostId: first, containerId: 0, length: count };
}

/** Durable before it is used: the same ids must never be given to two pods. */
async function writeRecord(dir: string, mapping: IDMapping): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  const path = join(dir, RECORD);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify({ uidMappings: [mapping], gidMappings: [mapping] }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const parent = await open(dir, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** One mapping, root included, the same for users and groups. */
function idsIn(text: string): IdRange | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(record)) return undefined;
  const [users, groups] = [record['uidMappings'], record['gidMappings']].map((list) => {
    const [mapping] = Array.isArray(list) && list.length === 1 ? list : [];
    if (!isRecord(mapping) || mapping['containerId'] !== 0) return undefined;
    const [first, count] = [Number(mapping['hostId']), Number(mapping['length'])];
    const whole = first >= IDS && first % IDS === 0 && count >= IDS && count % IDS === 0;
    return whole ? { first, count } : undefined;
  });
  return users?.first === groups?.first && users?.count === groups?.count ? users : undefined;
}

function problem(pod: string, text: string) {
  return edgedErrors.create('EDGED_POD_CONFIG', { pod, problem: text, reason: 'FailedCreatePodSandBox' });
}
