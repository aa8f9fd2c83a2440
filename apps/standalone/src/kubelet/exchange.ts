import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** One request of a client, with all that is needed to carry it elsewhere. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Set when the client asked to upgrade: its connection, and what it has sent ahead. */
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
}

/** What became of a request to a node. */
export type Answer =
  | { readonly kind: 'answered'; readonly response: IncomingMessage }
  | {
      readonly kind: 'upgraded';
      readonly response: IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
    };

/** Waits for the head of the answer. A client that leaves takes the request with it. */
export function answerOf(outgoing: ClientRequest, { response }: Exchange): Promise<Answer> {
  const leave = (): void => void outgoing.destroy(new Error('the client left'));
  response.once('close', leave);
  return new Promise<Answer>((resolve, reject) => {
    outgoing.once('response', (answer) => resolve({ kind: 'answered', response: answer }));
    outgoing.once('upgrade', (answer, socket, head) => {
      response.off('close', leave);
      resolve({ kind: 'upgraded', response: answer, socket, head });
    });
    outgoing.on('error', reject);
    if (response.destroyed || response.closed) leave();
  });
}
