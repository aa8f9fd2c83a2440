import { type Lease, leases } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, type Random, rfc3339Micro, sleep } from '@kubeedge-ts/runtime';
import { isConflict, isNotFound } from './status.ts';
import type { KubeClient } from './types.ts';

export interface LeaderElectionOptions {
  readonly namespace: string;
  /** Name of the Lease all candidates share. */
  readonly name: string;
  /** Unique among the candidates. */
  readonly identity: string;
  /** How long others wait after the last renewal they saw; default 15 s. */
  readonly leaseDurationMs?: number;
  /** How long a leader may go without a successful renewal; default 10 s. Must be shorter. */
  readonly renewDeadlineMs?: number;
  /** Between attempts; default 2 s, plus up to a fifth at random. */
  readonly retryPeriodMs?: number;
}

export interface LeaderElection {
  /**
   * Campaigns until the signal aborts. While leading, `lead` runs; its signal aborts when leadership is lost or the
   * election ends, and no new campaign begins before it has returned. When it rejects, leadership is given up; when
   * it returns early, leadership is kept. On the way out the lease is released.
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void>;
  readonly isLeader: boolean;
  /** Identity in the lease as last seen. */
  readonly holder: string | undefined;
}

type Client = Pick<KubeClient, 'get' | 'create' | 'update'>;
type Ports = { readonly clock: Clock; readonly random: Random; readonly log: Logger };

export function createLeaderElection(
  client: Client,
  options: LeaderElectionOptions,
  ports: Ports,
): LeaderElection {
  const { namespace, name, identity } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  const { clock, random } = ports;
  const log = ports.log.child({ lease: name, identity });
  /** When the record last changed, by our own clock: the clocks of other machines are not trusted. */
  let observed: { lease: Lease; record: string; atMs: number } | undefined;
  let leading = false;

  const observe = (lease: Lease): Lease => {
    const record = JSON.stringify(lease.spec);
    if (observed?.record !== record) observed = { lease, record, atMs: clock.monotonic() };
    else observed = { ...observed, lease };
    return lease;
  };
  const isFree = (lease: Lease): boolean => {
    const holder = lease.spec?.holderIdentity;
    if (!holder || holder === identity) return true;
    const durationMs = (lease.spec?.leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
    return clock.monotonic() - (observed?.atMs ?? 0) >= durationMs;
  };
  const specAfter = (previous: Lease['spec']): Lease['spec'] => {
    const now = rfc3339Micro(clock.now());
    const kept = previous?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      acquireTime: kept ? previous.acquireTime : now,
      renewTime: now,
      leaseTransitions: (previous?.leaseTransitions ?? 0) + (kept ? 0 : 1),
    };
  };

  /** True when the lease is ours afterwards. Losing a race is an answer, not an error. */
  const acquireOrRenew = async (signal: AbortSignal): Promise<boolean> => {
    const call = { signal, timeoutMs: retryPeriodMs * 2 };
    try {
      const lease = observe(await client.get(leases, { namespace, name }, call));
      if (!isFree(lease)) return false;
      observe(await client.update(leases, { ...lease, spec: specAfter(lease.spec) }, call));
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      if (!isNotFound(error)) throw error;
      const spec = { ...specAfter(undefined), leaseTransitions: 0 };
      observe(await client.create(leases, { metadata: { namespace, name }, spec }, call));
      return true;
    }
  };
  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    try {
      return await acquireOrRenew(signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: errorText(error) }, 'lease could not be acquired or renewed');
      return false;
    }
  };
  const pause = (signal: AbortSignal): Promise<void> =>
    sleep(clock, retryPeriodMs * (1 + 0.2 * random.next()), signal).catch(() => undefined);

  const release = async (): Promise<void> => {
    if (observed?.lease.spec?.holderIdentity !== identity) return;
    const call = { timeoutMs: retryPeriodMs };
    try {
      // Read again: a renewal that was cut off may have gone through.
      const lease = observe(await client.get(leases, { namespace, name }, call));
      if (lease.spec?.holderIdentity !== identity) return;
      const renewTime = rfc3339Micro(clock.now());
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime };
      observe(await client.update(leases, { ...lease, spec }, call));
    } catch (error) {
      log.warn({ err: errorText(error) }, 'lease could not be released; it expires by itself');
    }
  };

  /** Renews until leadership is lost or the signal aborts. */
  const holdOn = async (signal: AbortSignal): Promise<void> => {
    let renewedAtMs = clock.monotonic();
    while (!signal.aborted) {
      await pause(signal);
      if (signal.aborted) return;
      const remainingMs = renewDeadlineMs - (clock.monotonic() - renewedAtMs);
      const deadline = new AbortController();
      const cancel = clock.after(Math.max(0, remainingMs), () => deadline.abort(new Error('renew deadline')));
      const startedMs = clock.monotonic();
      const renewed = await attempt(AbortSignal.any([signal, deadline.signal]));
      cancel();
      const holder = observed?.lease.spec?.holderIdentity;
      if (renewed) renewedAtMs = startedMs;
      else if (holder !== identity || clock.monotonic() - renewedAtMs >= renewDeadlineMs) return;
    }
  };

  const leadOnce = async (
    signal: AbortSignal,
    lead: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const lost = new AbortController();
    const failed = new AbortController();
    leading = true;
    log.info({}, 'became leader');
    const leadSignal = AbortSignal.any([signal, lost.signal]);
    const work = lead(leadSignal).catch((error: unknown) => {
      if (leadSignal.aborted) return;
      log.error({ err: errorText(error) }, 'the work of the leader failed');
      failed.abort(error);
    });
    await holdOn(AbortSignal.any([signal, failed.signal]));
    leading = false;
    lost.abort(new Error('leadership lost'));
    await work;
    if (failed.signal.aborted) await release();
    if (!signal.aborted) log.warn({}, 'leadership ended');
  };

  return {
    async run(signal, lead) {
      while (!signal.aborted) {
        if (await attempt(signal)) await leadOnce(signal, lead);
        if (!signal.aborted) await pause(signal);
      }
      await release();
    },
    get isLeader() {
      return leading;
    },
    get holder() {
      return observed?.lease.spec?.holderIdentity;
    },
  };
}
