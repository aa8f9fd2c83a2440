import type { Module } from '@kubeedge-ts/beehive';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  type BackoffOptions,
  type Clock,
  createBackoff,
  type Logger,
  type Random,
  sleep,
} from '@kubeedge-ts/runtime';
import { dialTunnel, type EdgeTunnel } from '@kubeedge-ts/tunnel';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import type { KubeletApi } from '../edged/server/index.ts';
import type { EdgeStreamConfig } from './config.ts';
import { answerConnect } from './connect-request.ts';

export interface EdgeStreamOptions {
  readonly config: Pick<EdgeStreamConfig, 'nodeName' | 'server' | 'handshakeTimeoutMs'>;
  readonly credentials: (signal: AbortSignal) => Promise<TlsMaterial>;
  /** The node's address, asked for anew each time; empty when there is none. */
  readonly internalIp: () => Promise<string>;
  readonly kubelet: Pick<KubeletApi, 'serve'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Default: 1 s doubling to 30 s, half of it jitter. */
  readonly backoff?: BackoffOptions;
}

const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 1_000, maxMs: 30_000 };
/** A tunnel that lived so long was a good one. */
const LIVED_MS = 10_000;

export interface EdgeStream extends Module {
  /** The cloud is there again: a pause between two tries is cut short. */
  poke(): void;
}

/**
 * The node's end of the tunnel that kubectl's logs, exec, attach and port-forward come through: keeps one open, whatever
 * happens, and lets each stream of it be a connection to the kubelet API.
 */
export function createEdgeStream(options: EdgeStreamOptions): EdgeStream {
  const { config, credentials, internalIp, kubelet, clock, random, log } = options;
  const { nodeName, server, handshakeTimeoutMs } = config;
  const stopping = new AbortController();
  const { signal } = stopping;
  const backoff = createBackoff(options.backoff ?? DEFAULT_BACKOFF, random);
  let running: Promise<void> = Promise.resolve();
  let told = '';
  let cutShort = (): void => {};

  const dial = async (): Promise<EdgeTunnel> => {
    const tls = await credentials(signal);
    return dialTunnel({
      url: server,
      tls,
      nodeName,
      // only shown: no reason to stay away
      internalIp: await internalIp().catch(() => ''),
      handshakeTimeoutMs,
      clock,
      log,
      signal,
      onStream: (stream) => kubelet.serve(stream),
      onConnect: (type, request, stream) => answerConnect(kubelet, type, request, stream, log),
    });
  };

  const live = async (tunnel: EdgeTunnel): Promise<void> => {
    const since = clock.monotonic();
    const hangUp = (): void => tunnel.close('edgecore is stopping');
    signal.addEventListener('abort', hangUp, { once: true });
    if (signal.aborted) hangUp();
    log.info({ server, kind: tunnel.kind }, 'tunnel to the cloud is open');
    const reason = await tunnel.closed;
    signal.removeEventListener('abort', hangUp);
    log.info({ server, reason }, 'tunnel to the cloud has ended');
    if (clock.monotonic() - since >= LIVED_MS) backoff.reset();
  };

  /** A cloud without CloudStream is no reason to say so twice a minute. */
  const complain = (error: unknown): void => {
    const err = errorText(error);
    const fields = isKubeEdgeError(error) ? { err, code: error.code, advice: error.advice } : { err };
    if (err === told) log.debug(fields, 'still no tunnel to the cloud');
    else log.warn(fields, 'no tunnel to the cloud: kubectl logs and exec do not reach this node');
    told = err;
  };

  const keepOpen = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const tunnel = await dial();
        told = '';
        await live(tunnel);
      } catch (error) {
        if (signal.aborted) break;
        complain(error);
      }
      await pause();
    }
  };

  const pause = async (): Promise<void> => {
    const poked = new AbortController();
    cutShort = () => poked.abort();
    await sleep(clock, backoff.next(), AbortSignal.any([signal, poked.signal])).catch(() => undefined);
    cutShort = () => {};
  };

  return {
    name: 'edgestream',
    poke: () => cutShort(),
    async start() {
      running = keepOpen();
    },
    async stop() {
      stopping.abort(new Error('edgestream is stopping'));
      await running;
    },
  };
}
