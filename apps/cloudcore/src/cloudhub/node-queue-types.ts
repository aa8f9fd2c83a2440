import type { Inventory, InventoryRequest, KubeObject } from '@kubeedge-ts/apis';
import type { DownstreamObject } from './downstream.ts';
import type { StoreDifference } from './inventory-check.ts';
import type { ControllerName, ObjectIdentity } from './object-kind.ts';

/** What an ObjectSync or ClusterObjectSync says about one object on one node. */
export interface SyncRecord extends ObjectIdentity {
  /** Confirmed resourceVersion; `NOTHING_CONFIRMED` when the edge may or may not have the object. */
  readonly version: string;
  /** Hash of the confirmed content; only when it is certain that nothing else was sent since. */
  readonly hash: string | undefined;
  /** UID of the cluster the version is from; undefined: written by an upstream cloudcore. */
  readonly cluster: string | undefined;
  /** The edge store the confirmation came from; undefined: an edge that does not tell. */
  readonly store: string | undefined;
}

export const NOTHING_CONFIRMED = '0';

/** What happened to a node. Every event names facts, never decisions. */
export type QueueEvent =
  | { readonly type: 'want'; readonly object: DownstreamObject }
  | { readonly type: 'unwant'; readonly uid: string }
  | { readonly type: 'settled'; readonly source: ControllerName }
  /**
   * A connection of the node is there. `store` is the identity of the edge's database where the edge tells it.
   * `inventory`: the edge can say what it has stored. `records` are all the API server has of this node; undefined:
   * nobody else wrote any since the last connection.
   */
  | {
      readonly type: 'connected';
      readonly store?: string | undefined;
      readonly inventory?: boolean;
      readonly records?: readonly SyncRecord[] | undefined;
    }
  | { readonly type: 'disconnected' }
  /** It is time to compare what the edge has with what it had confirmed. */
  | { readonly type: 'reconcile' }
  /** The answer to `ask-inventory`; `unknown`: the edge could not say, or took too long. */
  | { readonly type: 'inventory'; readonly id: string; readonly inventory: Inventory | 'unknown' }
  /** More bytes wait for the socket than is good, or no longer. */
  | { readonly type: 'congested'; readonly value: boolean }
  | { readonly type: 'acked'; readonly id: string }
  | { readonly type: 'timer' }
  /** The record exists; `found` is set when somebody else had created it. */
  | { readonly type: 'record-created'; readonly uid: string; readonly found?: SyncRecord | undefined }
  /** The API server will never accept the record, e.g. because the namespace is being deleted. */
  | { readonly type: 'record-refused'; readonly uid: string }
  /** The record says `NOTHING_CONFIRMED` now. */
  | { readonly type: 'record-reset'; readonly uid: string }
  /** The record holds the hash (`sealed`), or still does not. */
  | { readonly type: 'record-sealed'; readonly uid: string; readonly sealed: boolean }
  /** The record was deleted by us, or found to be gone. */
  | { readonly type: 'record-gone'; readonly uid: string }
  /** Nothing was written to the record for a long time. */
  | { readonly type: 'quiet'; readonly uid: string };

/** One message to the edge. The same `id` and content come again when it is resent. */
export interface SendCommand {
  readonly type: 'send';
  readonly id: string;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly source: ControllerName;
  readonly object: ObjectIdentity;
  /** The object; for a delete a stub of name, namespace and uid. */
  readonly content: KubeObject;
  /** `metadata.resourceVersion` of the content; empty for a delete. */
  readonly resourceVersion: string;
  readonly resent: boolean;
}

/** What the rim must do, in this order. Record commands are answered by record events. */
export type QueueCommand =
  | SendCommand
  /** Ask the edge what it has stored; nothing is sent until the answer, which has to come some time. */
  | { readonly type: 'ask-inventory'; readonly id: string; readonly request: InventoryRequest }
  /** The edge's store was not as it had been confirmed. For the log. */
  | { readonly type: 'store-differs'; readonly difference: StoreDifference }
  | { readonly type: 'create-record'; readonly object: ObjectIdentity; readonly store: string | undefined }
  /** Write `NOTHING_CONFIRMED` now. */
  | { readonly type: 'reset-record'; readonly uid: string }
  /** Note the version when there is time; the newest wins. No answer is awaited. */
  | {
      readonly type: 'advance-record';
      readonly uid: string;
      readonly version: string;
      readonly store: string | undefined;
    }
  /** Note the hash beside the version. */
  | { readonly type: 'seal-record'; readonly uid: string; readonly version: string; readonly hash: string }
  | { readonly type: 'delete-record'; readonly uid: string }
  | { readonly type: 'set-timer'; readonly ms: number }
  | { readonly type: 'clear-timer' }
  /** The edge does not confirm this message; it no longer holds up others. For the log. */
  | { readonly type: 'stalled'; readonly id: string; readonly resource: string; readonly sends: number };

export interface NodeQueueOptions {
  /** UID of `kube-system`. */
  readonly cluster: string;
  /** Identities for new messages. */
  readonly uuid: () => string;
  /** Messages that may be unacknowledged; 32: an upstream edge buffers 100 and drops the oldest without a word. */
  readonly window?: number;
  /** First and longest pause before a resend, ms. */
  readonly resendMs?: number;
  readonly maxResendMs?: number;
}

/** Pure: no timers, no I/O, no clock. The same events give the same commands. */
export interface NodeQueue {
  handle(event: QueueEvent): readonly QueueCommand[];
  /** Nothing is remembered of the node: the queue may be forgotten. */
  readonly empty: boolean;
  /** Messages sent and not acknowledged. */
  readonly inFlight: number;
  /** Wanted objects the edge has not confirmed. */
  readonly pending: number;
  /** Objects of this node. */
  readonly size: number;
}
