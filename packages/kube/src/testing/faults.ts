import type { KubeObject } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { type Clock, sleep, systemClock } from '@kubeedge-ts/runtime';
import { failure, statusError } from '../status.ts';
import type { KubeClient, WatchEvent } from '../types.ts';

export interface FaultCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'request';
  /** Plural of the resource; the path for `request`. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Counts the calls of this verb on this resource, from 1. */
  readonly attempt: number;
}

export type Fault =
  /** The server refuses; nothing was done. */
  | { readonly kind: 'status'; readonly code: number; readonly reason?: string }
  /** The request never arrives. */
  | { readonly kind: 'unreachable' }
  /** The request is carried out and its answer is lost. */
  | { readonly kind: 'lost-answer' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** After so many events the watch breaks, ends quietly, or answers 410. */
  | { readonly kind: 'watch-break' | 'watch-end' | 'watch-gone'; readonly afterEvents: number }
  /** Every event comes twice. */
  | { readonly kind: 'watch-duplicate' };

/** Decides about each call before it is made; undefined lets it pass. */
export type FaultScript = (call: FaultCall) => Fault | undefined;

export interface FaultRule {
  readonly verb?: FaultCall['verb'];
  readonly resource?: string;
  readonly subresource?: string;
  /** Calls that match but pass first; default 0. */
  readonly skip?: number;
  /** How often the rule applies; default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

/** A script from a table; the first rule that matches and is not used up decides. */
export function faultRules(rules: readonly FaultRule[]): FaultScript {
  const matched = rules.map(() => 0);
  return (call) => {
    for (const [index, rule] of rules.entries()) {
      if (rule.verb !== undefined && rule.verb !== call.verb) continue;
      if (rule.resource !== undefined && rule.resource !== call.resource) continue;
      if (rule.subresource !== undefined && rule.subresource !== call.subresource) continue;
      const count = (matched[index] ?? 0) + 1;
      matched[index] = count;
      const { skip = 0, times = 1 } = rule;
      if (count > skip && count <= skip + times) return rule.fault;
    }
    return undefined;
  };
}

const unreachable = (call: FaultCall) =>
  kubeErrors.create('KUBE_UNREACHABLE', { server: 'fault', method: call.verb, path: call.resource });
const refused = (call: FaultCall, code: number, reason?: string) =>
  statusError(failure(code, 'injected fault', reason === undefined ? {} : { reason }), {
    method: call.verb,
    path: call.resource,
  });

/** The client, with the faults of the script in front of it. */
export function withFaults(client: KubeClient, script: FaultScript, clock: Clock = systemClock): KubeClient {
  const attempts = new Map<string, number>();
  const describe = (
    verb: FaultCall['verb'],
    resource: string,
    key: { namespace?: string | undefined; name?: string | undefined } = {},
    subresource?: string,
  ): FaultCall => {
    const id = `${verb} ${resource}`;
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    return { verb, resource, namespace: key.namespace, name: key.name, subresource, attempt };
  };
  const guarded = async <T>(call: FaultCall, signal: AbortSignal | undefined, run: () => Promise<T>) => {
    const fault = script(call);
    if (fault?.kind === 'status') throw refused(call, fault.code, fault.reason);
    if (fault?.kind === 'unreachable') throw unreachable(call);
    if (fault?.kind === 'delay') await sleep(clock, fault.ms, signal);
    const result = await run();
    if (fault?.kind === 'lost-answer') throw unreachable(call);
    return result;
  };

  return {
    get: (resource, key, options) =>
      guarded(describe('get', resource.plural, key, options?.subresource), options?.signal, () =>
        client.get(resource, key, options),
      ),
    list: (resource, options) =>
      guarded(describe('list', resource.plural, options), options?.signal, () =>
        client.list(resource, options),
      ),
    create: (resource, object, options) =>
      guarded(describe('create', resource.plural, object.metadata), options?.signal, () =>
        client.create(resource, object, options),
      ),
    createSubresource: (resource, key, subresource, body, options) =>
      guarded(describe('create', resource.plural, key, subresource), options?.signal, () =>
        client.createSubresource(resource, key, subresource, body, options),
      ),
    update: (resource, object, options) =>
      guarded(
        describe('update', resource.plural, object.metadata, options?.subresource),
        options?.signal,
        () => client.update(resource, object, options),
      ),
    patch: (resource, key, patch, options) =>
      guarded(describe('patch', resource.plural, key, options?.subresource), options?.signal, () =>
        client.patch(resource, key, patch, options),
      ),
    delete: (resource, key, options) =>
      guarded(describe('delete', resource.plural, key), options?.signal, () =>
        client.delete(resource, key, options),
      ),
    watch: <T extends KubeObject>(
      resource: Parameters<KubeClient['watch']>[0],
      options: Parameters<KubeClient['watch']>[1],
    ) => {
      const call = describe('watch', resource.plural, options);
      const open = () => client.watch(resource, options) as AsyncIterable<WatchEvent<T>>;
      return faultyWatch(call, script(call), open);
    },
    request: (request) =>
      guarded(describe('request', request.path), request.signal, () => client.request(request)),
    close: () => client.close(),
  };
}

async function* faultyWatch<T extends KubeObject>(
  call: FaultCall,
  fault: Fault | undefined,
  open: () => AsyncIterable<WatchEvent<T>>,
): AsyncGenerator<WatchEvent<T>, void, void> {
  if (fault?.kind === 'status') throw refused(call, fault.code, fault.reason);
  if (fault?.kind === 'unreachable') throw unreachable(call);
  let left = fault !== undefined && 'afterEvents' in fault ? fault.afterEvents : Number.POSITIVE_INFINITY;
  const strike = (): void => {
    if (fault?.kind === 'watch-break') throw unreachable(call);
    if (fault?.kind === 'watch-gone') throw refused(call, 410, 'Expired');
  };
  if (left === 0) return strike();
  for await (const event of open()) {
    yield event;
    if (fault?.kind === 'watch-duplicate') yield event;
    left -= 1;
    if (left === 0) return strike();
  }
}
