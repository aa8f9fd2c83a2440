import { request as httpRequest } from 'node:http';
import type { Clock } from '@kubeedge-ts/runtime';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';

const ANSWER_MS = 10_000;
const PATH = '/healthz';

/** Whether the node's kubelet says anything through this tunnel. */
export function isAlive(
  tunnel: NodeTunnel,
  clock: Pick<Clock, 'after'>,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (alive: boolean): void => {
      cancel();
      signal.removeEventListener('abort', giveUp);
      stream?.destroy();
      resolve(alive);
    };
    const giveUp = (): void => finish(false);
    const cancel = clock.after(ANSWER_MS, giveUp);
    signal.addEventListener('abort', giveUp, { once: true });
    const stream = open(tunnel);
    if (stream === undefined) return finish(false);
    stream.on('error', giveUp);
    stream.once('close', giveUp);
    if (tunnel.kind === 'frames') {
      // upstream's tunnel carries the body alone
      stream.once('data', () => finish(true));
      return;
    }
    const asking = httpRequest({ path: PATH, headers: { host: 'kubelet' }, createConnection: () => stream });
    asking.once('response', () => finish(true));
    asking.on('error', giveUp);
    asking.end();
  });
}

function open(tunnel: NodeTunnel) {
  try {
    if (tunnel.kind === 'streams') return tunnel.open();
    return tunnel.connect('metrics', { method: 'GET', path: PATH, headers: {} });
  } catch {
    // closed or at its limit: as good as gone for who asks
    return undefined;
  }
}
