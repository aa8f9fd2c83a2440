import type { Server } from 'node:http';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';

export interface ListenerOptions {
  /** A new one for every try. */
  readonly server: () => Server;
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const ADDRESS = '127.0.0.1';

/**
 * Serves on loopback until the signal aborts; never rejects. A port that another process has is waited for: pods do
 * not depend on it.
 */
export async function serveOnLoopback(options: ListenerOptions, signal: AbortSignal): Promise<void> {
  const { port, clock, random, log } = options;
  const backoff = createBackoff({ initialMs: 1_000, maxMs: 60_000 }, random);
  let told = false;
  while (!signal.aborted) {
    const server = options.server();
    try {
      await listen(server, port);
      log.info({ address: ADDRESS, port }, 'kubelet endpoint is open');
      told = false;
      backoff.reset();
      await untilClosed(server, signal);
    } catch (error) {
      server.close();
      const fields = { address: ADDRESS, port, err: errorText(error) };
      if (!told)
        log.error(
          fields,
          'kubelet endpoint cannot be opened, trying again; is another kubelet or edgecore running?',
        );
      told = true;
    }
    await sleep(clock, backoff.next(), signal).catch(() => undefined);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, ADDRESS, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Resolves when the server has been closed by the signal; rejects when it failed. */
function untilClosed(server: Server, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const close = (): void => {
      server.close();
      server.closeAllConnections();
    };
    server.once('error', reject);
    server.once('close', resolve);
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
  });
}
