import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { commandEnding } from '@kubeedge-ts/runtime/command-ending';
import type { Relays } from '@kubeedge-ts/runtime/relay';
import { answerUpgrade, refusal } from '../refusal.ts';
import { upgradeHeaders } from './headers.ts';
import type { Exchange } from './plain.ts';

/** The client's side of an upgrade. */
export interface UpgradeClient {
  readonly socket: Duplex;
  /** What came behind the request's head already. */
  readonly head: Buffer;
}

export interface UpgradePorts {
  readonly relays: Relays;
  readonly clock: Pick<Clock, 'after'>;
}

/** An edge of ours gives its runtime 30 s. */
const ANSWER_MS = 60_000;
const MAX_REFUSAL_BYTES = 65_536;

/**
 * Asks the node for another protocol and joins the two connections once it agrees; from then on the bytes are those of
 * kubectl and the container runtime. As long as it has not agreed, and when it does not, nothing of what the client sends
 * reaches the node: only one request was allowed. Resolves when it is over.
 *
 * @throws KubeEdgeError CLOUDCORE_KUBELET_REQUEST 502, 504 before anything was answered
 */
export async function forwardUpgrade(
  stream: Duplex,
  { node, target, request }: Exchange,
  { socket, head }: UpgradeClient,
  { relays, clock }: UpgradePorts,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<Agreed | IncomingMessage>();
  const outgoing = httpRequest({
    method: request.method,
    path: target,
    headers: upgradeHeaders(request),
    createConnection: () => stream,
  });
  outgoing.once('upgrade', (answer: IncomingMessage, peer: Duplex, first: Buffer) =>
    resolve({ answer, peer, first }),
  );
  outgoing.once('response', resolve);
  outgoing.on('error', (error) => reject(lost(node, error)));
  outgoing.once('close', () => reject(lost(node, new Error('the connection was closed'))));
  const giveUp = (): void => reject(new Error('the asker has gone'));
  const cancel = clock.after(ANSWER_MS, () =>
    reject(refusal(504, `the kubelet of node ${node} does not answer`)),
  );
  socket.once('close', giveUp);
  socket.on('error', () => undefined);
  outgoing.end();
  try {
    const outcome = await promise;
    cancel();
    if (!('peer' in outcome)) {
      answerUpgrade(socket, outcome.statusCode ?? 502, await refusalOf(outcome));
      return;
    }
    socket.off('close', giveUp);
    const { answer, peer, first } = outcome;
    peer.on('error', () => undefined);
    socket.write(headText(answer));
    const ending = commandEnding(
      answer.headers,
      `the connection to node ${node} was lost; what was started there may go on`,
    );
    if (first.length > 0) socket.write(ending?.take(first) ?? first);
    if (head.length > 0) peer.write(head);
    await relays.join(socket, peer, ending);
  } finally {
    cancel();
    socket.off('close', giveUp);
    outgoing.destroy();
    stream.destroy();
  }
}

interface Agreed {
  readonly answer: IncomingMessage;
  readonly peer: Duplex;
  /** What came behind the answer already. */
  readonly first: Buffer;
}

function lost(node: string, error: unknown): Error {
  return refusal(502, `the tunnel of node ${node} ended before its kubelet answered: ${errorText(error)}`);
}

function headText({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function refusalOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // what came of it still says more than nothing
  }
  return Buffer.concat(chunks).subarray(0, MAX_REFUSAL_BYTES).toString().trim();
}
