import { type KubeEdgeError, storeErrors } from '@kubeedge-ts/errors';
import { type Deferred, deferred } from '@kubeedge-ts/runtime';
import type { Call, Reply } from './protocol.ts';
import type { SqlValue, Statement } from './types.ts';

/** Calls on their way to the worker: bounded, in order, handed over in one message per turn of the event loop. */
export interface CallQueue {
  /** @throws KubeEdgeError STORE_BUSY, STORE_CLOSED, and whatever `detach` was given */
  call(make: (id: number) => Call): Promise<Reply>;
  settle(reply: Reply): void;
  /** A worker takes calls, first those that waited for one. */
  attach(post: (calls: readonly Call[]) => void): void;
  /** The worker is gone: calls it had are failed; new ones wait for the next worker. */
  detach(error: KubeEdgeError): void;
  /** Fails everything that is open. */
  fail(error: KubeEdgeError): void;
  /** Resolves when nothing is open. */
  idle(): Promise<void>;
  /** No more calls. */
  close(): void;
}

export function createCallQueue(options: {
  readonly path: string;
  readonly maxCalls: number;
  readonly maxBytes: number;
}): CallQueue {
  const { path, maxCalls, maxBytes } = options;
  const open = new Map<number, { reply: Deferred<Reply>; bytes: number }>();
  let outgoing: Call[] = [];
  let post: ((calls: readonly Call[]) => void) | undefined;
  let flushing = false;
  let nextId = 0;
  let bytes = 0;
  let closed = false;
  let onIdle: Deferred | undefined;

  const flush = (): void => {
    flushing = false;
    if (post === undefined || outgoing.length === 0) return;
    const calls = outgoing;
    outgoing = [];
    post(calls);
  };
  const remove = (id: number): Deferred<Reply> | undefined => {
    const entry = open.get(id);
    if (entry === undefined) return undefined;
    open.delete(id);
    bytes -= entry.bytes;
    if (open.size === 0) onIdle?.resolve();
    return entry.reply;
  };

  return {
    call(make) {
      if (closed) return Promise.reject(storeErrors.create('STORE_CLOSED', { path }));
      const id = nextId++;
      const call = make(id);
      const size = sizeOf(call);
      if (open.size >= maxCalls || (open.size > 0 && bytes + size > maxBytes)) {
        return Promise.reject(storeErrors.create('STORE_BUSY', { path, calls: open.size, bytes }));
      }
      const reply = deferred<Reply>();
      open.set(id, { reply, bytes: size });
      bytes += size;
      outgoing.push(call);
      if (!flushing) {
        flushing = true;
        queueMicrotask(flush);
      }
      return reply.promise;
    },
    settle: (reply) => remove(reply.id)?.resolve(reply),
    attach(to) {
      post = to;
      flush();
    },
    detach(error) {
      post = undefined;
      const waiting = new Set(outgoing.map((call) => call.id));
      for (const id of [...open.keys()]) if (!waiting.has(id)) remove(id)?.reject(error);
    },
    fail(error) {
      outgoing = [];
      for (const id of [...open.keys()]) remove(id)?.reject(error);
    },
    async idle() {
      if (open.size === 0) return;
      onIdle = deferred();
      await onIdle.promise;
    },
    close: () => {
      closed = true;
    },
  };
}

function sizeOf(call: Call): number {
  const statements: readonly Statement[] = 'write' in call ? call.write : [call.read];
  let size = 0;
  for (const { params = [] } of statements) for (const value of params) size += bytesOf(value);
  return size;
}

function bytesOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length;
  return value instanceof Uint8Array ? value.byteLength : 8;
}
