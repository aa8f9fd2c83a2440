import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { isKubeEdgeError, kubeErrors } from '@kubeedge-ts/errors';
import type { Connection } from './connection.ts';
import { decodeWatchEvent } from './decode.ts';
import { createLineDecoder } from './line-decoder.ts';
import { watchPath } from './paths.ts';
import type { CallOptions, WatchEvent, WatchOptions } from './types.ts';

/** Far above the largest object etcd can hold (1.5 MiB of protobuf). */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
/** A server that does not end the watch at `timeoutSeconds` is taken for gone after this much more. */
const OVERTIME_MS = 30_000;

/** One watch. @throws KUBE_STATUS, KUBE_UNREACHABLE, KUBE_TIMEOUT, KUBE_RESPONSE_INVALID, or the signal's reason */
export async function* openWatch<T extends KubeObject>(
  connection: Connection,
  resource: Resource<T>,
  options: WatchOptions & CallOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  const request = { method: 'GET', path: watchPath(resource, options) };
  const ended = new AbortController();
  const signal =
    options.signal === undefined ? ended.signal : AbortSignal.any([options.signal, ended.signal]);
  const { stream } = await connection.open(request, { ...options, signal });
  const { timeoutSeconds } = options;
  if (timeoutSeconds !== undefined) {
    const timeoutMs = timeoutSeconds * 1000 + OVERTIME_MS;
    stream.setTimeout(timeoutMs, () =>
      ended.abort(kubeErrors.create('KUBE_TIMEOUT', { ...request, timeoutMs })),
    );
  }
  try {
    const decoder = createLineDecoder(MAX_EVENT_BYTES);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (const line of decoder.push(chunk)) yield decodeWatchEvent<T>(line, request);
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (isKubeEdgeError(cause)) throw cause;
    if (cause instanceof RangeError) {
      throw kubeErrors.create('KUBE_RESPONSE_INVALID', { ...request, problem: cause.message }, cause);
    }
    throw kubeErrors.create('KUBE_UNREACHABLE', { ...request, server: 'watch' }, cause);
  } finally {
    ended.abort(new Error('the watch is over'));
  }
}
