import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@kubeedge-ts/runtime';
import { commandEnding } from '@kubeedge-ts/runtime/command-ending';
import type { Relays } from '@kubeedge-ts/runtime/relay';
import { apiError, badRequest } from '../rest/api-error.ts';
import { clientAddress } from './client-address.ts';
import { dialErrorText } from './dial-error.ts';
import { answerOf, type Exchange } from './exchange.ts';
import type { Backend } from './forward.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { type NodeTransport, TCP_KEEPALIVE_MS } from './transport.ts';

/** Time for a node to agree to an upgrade or not; the runtime has to be asked, over a slow link. */
const ANSWER_MS = 60_000;
/** Time to hand on a refusal. */
const REFUSAL_MS = 10_000;

export interface UpgradePorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly relays: Relays;
}

/** Carries an upgrade: what the client offers is what the node is asked, and after its 101 bytes go both ways. */
export async function carryUpgrade(
  { transport, clock, relays }: UpgradePorts,
  backend: Backend,
  exchange: Exchange,
): Promise<void> {
  const { request, response, upgrade } = exchange;
  if (upgrade === undefined) throw badRequest('Upgrade request required');
  const outgoing = transport.request(backend, {
    ...(request.method !== undefined && { method: request.method }),
    headers: requestHeaders(request.rawHeaders, {
      client: clientAddress(request),
      upgrade: true,
    }),
  });
  const cancel = clock.after(ANSWER_MS, () =>
    outgoing.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
  );
  request.pipe(outgoing);
  const answer = await answerOf(outgoing, exchange)
    .catch((error: unknown) => {
      throw apiError({ code: 500, message: `error dialing backend: ${dialErrorText(error, backend)}` });
    })
    .finally(cancel);
  const found = answer.response;
  if (answer.kind === 'upgraded') {
    const { socket, head } = answer;
    const client = upgrade.socket;
    response.detachSocket(request.socket);
    // A socket that closes itself when its peer has ended could not carry an end.
    for (const side of [client, socket]) side.allowHalfOpen = true;
    // A stream may be quiet for as long as it likes.
    request.socket.setTimeout(0);
    request.socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    client.write(headOf(found));
    const ending = commandEnding(
      found.headers,
      'the connection to the node was lost; what was started there may go on',
    );
    if (head.length > 0) client.write(ending?.take(head) ?? head);
    if (upgrade.head.length > 0) socket.write(upgrade.head);
    await relays.join(client, socket, ending);
    return;
  }
  const status = found.statusCode ?? 0;
  if (status < 400) {
    found.destroy();
    throw apiError({ code: 500, message: `invalid upgrade response: status code ${status}` });
  }
  response.writeHead(
    status,
    found.statusMessage ?? '',
    responseHeaders(found.rawHeaders, (to) => to),
  );
  const giveUp = clock.after(REFUSAL_MS, () => found.destroy());
  await pipeline(found, response)
    .catch(() => undefined)
    .finally(giveUp);
}

/** The 101 as the node gave it. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${head}\r\n`;
}
