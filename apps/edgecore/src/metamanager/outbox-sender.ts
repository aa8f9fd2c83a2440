import { isRecord, OK, OPERATIONS } from '@kubeedge-ts/apis';
import { edgecoreErrors, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Statement, Store } from '@kubeedge-ts/store';
import { refreshRow, refreshStatus, removeNode, removePod, upsertMeta } from './meta-rows.ts';
import { reasonOf } from './object-access.ts';
import { type Entry, objectKey, patchKey } from './outbox-entry.ts';
import { dropOutbox } from './outbox-rows.ts';
import type { Remote } from './remote.ts';
import { statusPatch } from './status-patch.ts';

/**
 * `told`: the cloud has it, the row is gone. `absent`: there is no such pod here any more, nothing was sent.
 * `gone`: the cloud says that the pod or node does not exist; everything about it has been removed here.
 */
export type Outcome = 'told' | 'absent' | 'gone';

export interface OutboxSenderOptions {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly remote: Pick<Remote, 'ask'>;
  /** Resolves when the cloud has received what was sent; for clouds that never answer a pod delete. */
  readonly proveReceipt?: () => Promise<void>;
}

export interface OutboxSender {
  /** @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED, STORE_* ; the row is still there */
  status(entry: Entry): Promise<Outcome>;
  /** @throws as `status` */
  deletion(entry: Entry): Promise<Outcome>;
}

/** An answer takes the cloud one or two API calls. */
const ANSWER_TIMEOUT_MS = 30_000;

export function createOutboxSender({ store, remote, proveReceipt }: OutboxSenderOptions): OutboxSender {
  const rowsOf = (entry: Entry): Statement[] => [
    dropOutbox({ ...entry, kind: entry.kind === 'pod' ? 'podstatus' : 'nodestatus', seq: entry.statusSeq }),
    dropOutbox({ ...entry, kind: 'poddelete', seq: entry.deleteSeq }),
  ];

  const finish = async (entry: Entry, outcome: Outcome): Promise<Outcome> => {
    const { kind, namespace, name, uid } = entry;
    const removal = kind === 'pod' ? removePod(namespace, name, uid) : removeNode(name);
    await store.write([...rowsOf(entry), ...(outcome === 'gone' ? removal : [])]);
    entry.statusSeq = 0;
    entry.deleteSeq = 0;
    return outcome;
  };

  const storedObject = async (entry: Entry): Promise<Record<string, unknown> | undefined> => {
    const [row] = await store.read({
      sql: 'SELECT value FROM meta WHERE key = ? AND json_valid(value)',
      params: [objectKey(entry)],
    });
    const object: unknown = row === undefined ? undefined : JSON.parse(String(row['value']));
    return isRecord(object) ? object : undefined;
  };

  /** The cloud has taken `patch`; what it answered is what it has now. */
  const confirm = async (entry: Entry, seq: number, patch: string, wanted: string, answer: unknown) => {
    const object = isRecord(answer) && isRecord(answer['metadata']) ? answer : undefined;
    const { uid, resourceVersion } = metadataOf(object);
    const kind = entry.kind === 'pod' ? 'Pod' : 'Node';
    await store.write([
      object !== undefined && uid !== ''
        ? refreshRow(objectKey(entry), uid, { ...object, apiVersion: 'v1', kind }, resourceVersion)
        : refreshStatus(objectKey(entry), wanted),
      upsertMeta(patchKey(entry), `${entry.kind}patch`, patch),
      dropOutbox({ ...entry, kind: entry.kind === 'pod' ? 'podstatus' : 'nodestatus', seq }),
    ]);
    const again = seq === 0 && patch === entry.lastPatch;
    entry.futile = true;
    entry.lastPatch = patch;
    if (entry.statusSeq === seq) entry.statusSeq = 0;
    if (object?.['status'] === undefined) return;
    // The API object may have been changed by others (a node taken for lost): what is still missing is said once more.
    const left = statusPatch({ kind: entry.kind, base: object['status'], wanted: JSON.parse(wanted) });
    entry.futile = left !== undefined;
    entry.rewritten = !entry.futile && !again ? 0 : seq > 0 ? 1 : entry.rewritten + 1;
    if (left !== undefined && withoutUid(patch) !== left) entry.due = true;
  };

  return {
    async status(entry) {
      const { statusSeq: seq, wanted = '{}', full } = entry;
      entry.due = false;
      const object = await storedObject(entry);
      if (entry.kind === 'pod' && metadataOf(object).uid !== entry.uid) return finish(entry, 'absent');
      const patch = statusPatch({
        kind: entry.kind,
        ...(entry.kind === 'pod' ? { uid: entry.uid } : {}),
        base: object?.['status'],
        wanted: JSON.parse(wanted),
        full,
      });
      if (patch === undefined || (entry.futile && patch === entry.lastPatch && seq === 0 && !full)) {
        if (seq > 0) await store.write([dropOutbox({ ...entry, kind: `${entry.kind}status`, seq })]);
        if (entry.statusSeq === seq) entry.statusSeq = 0;
        return 'told';
      }
      try {
        const { content } = await remote.ask({
          operation: OPERATIONS.patch,
          resource: patchKey(entry),
          content: patch,
          timeoutMs: ANSWER_TIMEOUT_MS,
          acknowledged: false,
        });
        entry.full = false;
        await confirm(entry, seq, patch, wanted, content);
        return 'told';
      } catch (error) {
        if (saysGone(error)) return finish(entry, 'gone');
        throw error;
      }
    },

    async deletion(entry) {
      try {
        const resource = objectKey(entry);
        const { content } = await remote.ask({
          operation: OPERATIONS.delete,
          resource,
          content: { gracePeriodSeconds: 0, preconditions: { uid: entry.uid } },
          timeoutMs: ANSWER_TIMEOUT_MS,
          acknowledged: false,
        });
        if (content !== OK && !isRecord(content)) {
          const details = { operation: 'delete', resource, reason: 'Unknown', problem: String(content) };
          throw edgecoreErrors.create('EDGE_REMOTE_FAILED', details);
        }
      } catch (error) {
        if (saysGone(error)) return finish(entry, 'gone');
        if (proveReceipt === undefined || reasonOf(error) !== 'Timeout') throw error;
        await proveReceipt();
      }
      return finish(entry, 'told');
    },
  };
}

function metadataOf(object: unknown): { uid: string; resourceVersion: unknown } {
  const metadata = isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
  return { uid: String(metadata['uid'] ?? ''), resourceVersion: metadata['resourceVersion'] };
}

function withoutUid(patch: string): string {
  const { status } = JSON.parse(patch) as { status: unknown };
  return JSON.stringify({ status });
}

/** The object does not exist, or its name belongs to another one now. */
function saysGone(error: unknown): boolean {
  const reason = reasonOf(error);
  if (reason === 'NotFound') return true;
  const problem = isKubeEdgeError(error) ? String(error.details['problem'] ?? '') : '';
  return (reason === 'Conflict' || reason === 'Invalid') && /\bUID\b/i.test(problem);
}
