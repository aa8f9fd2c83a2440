import { NO_NAMESPACE, resourcePath } from '@kubeedge-ts/apis';
import type { Backoff } from '@kubeedge-ts/runtime';
import type { StatusKind } from './status-patch.ts';

export interface ObjectName {
  readonly kind: StatusKind;
  /** The word `null` for nodes. */
  readonly namespace: string;
  readonly name: string;
  /** Empty for nodes. */
  readonly uid: string;
}

/** What is to be told about one pod or node. Changed only by the outbox. */
export interface Entry extends ObjectName {
  /** Canonical JSON of the newest wanted status. Kept after it is confirmed, to be able to say it again. */
  wanted: string | undefined;
  /** Sequence of the row that holds `wanted`; 0 when the cloud has it. */
  statusSeq: number;
  /** Sequence of the row that asks for deletion; 0 when there is none. */
  deleteSeq: number;
  /** `wanted` must be compared with what the cloud has. */
  due: boolean;
  /** What the cloud has is uncertain: everything is said again. */
  full: boolean;
  /** The patch the cloud took last. */
  lastPatch: string;
  /** It is not known to have had an effect: sending the very same again changes nothing. */
  futile: boolean;
  /** Times in a row that the cloud took `wanted` and then had, or soon showed, another status all the same. */
  rewritten: number;
  /** The newest row could not be written; an equal report tries again. */
  unsaved: boolean;
  /** The cloud did not take the last status; a deletion does not wait for it any longer. */
  statusFailed: boolean;
  /** Times in a row that the cloud gave no answer to a status. */
  unanswered: number;
  readonly backoff: Backoff;
  state: 'idle' | 'queued' | 'sending' | 'waiting';
  cancelWait: () => void;
}

export function newEntry(name: ObjectName, backoff: Backoff, full: boolean): Entry {
  return {
    ...name,
    wanted: undefined,
    statusSeq: 0,
    deleteSeq: 0,
    due: false,
    full,
    lastPatch: '',
    futile: false,
    rewritten: 0,
    unsaved: false,
    statusFailed: false,
    unanswered: 0,
    backoff,
    state: 'idle',
    cancelWait: () => {},
  };
}

export const entryKey = ({ kind, namespace, name, uid }: ObjectName): string =>
  `${kind}/${namespace}/${name}/${uid}`;

export const nodeObject = (name: string): ObjectName => ({
  kind: 'node',
  namespace: NO_NAMESPACE,
  name,
  uid: '',
});

/** Key of the object's row in `meta`. */
export const objectKey = ({ kind, namespace, name }: ObjectName): string =>
  resourcePath(kind, namespace, name);

/** Wire resource of its patch, also the key of the row that keeps the last one. */
export const patchKey = ({ kind, namespace, name }: ObjectName): string =>
  resourcePath(`${kind}patch`, namespace, name);

const hasStatus = (entry: Entry): boolean => entry.wanted !== undefined && (entry.statusSeq > 0 || entry.due);

/** What is to be told next: the last status before the deletion, unless the cloud refuses it. */
export function nextWork(entry: Entry): 'status' | 'deletion' | undefined {
  if (entry.deleteSeq > 0 && (entry.statusFailed || !hasStatus(entry))) return 'deletion';
  return hasStatus(entry) ? 'status' : undefined;
}
