import type { Message } from '@kubeedge-ts/apis';
import { viaductErrors } from '@kubeedge-ts/errors';
import type { CloseReason, Connection, DialOptions, Transport } from '@kubeedge-ts/viaduct';

/** The cloud's end of one connection, in this process. */
export interface FakeLink {
  /** Messages the edge has sent, oldest first. */
  readonly received: Message[];
  readonly dialled: DialOptions;
  /** Gives the edge one frame; resolves when its handler is done. */
  send(frame: string | object): Promise<void>;
  /** While true, `send` of the edge stays pending: the socket does not keep up. */
  congested(yes: boolean): void;
  pings: number;
  close(): void;
}

export interface FakeCloud {
  readonly transport: Transport;
  readonly links: FakeLink[];
  /** Makes the next dials fail with this. */
  failure: Error | undefined;
  /** Sees every message of the edge. */
  onMessage: (message: Message, link: FakeLink) => void;
}

export function createFakeCloud(): FakeCloud {
  const cloud: FakeCloud = {
    links: [],
    failure: undefined,
    onMessage: () => {},
    transport: {
      listen: () => Promise.reject(new Error('only dials')),
      async dial(dialled) {
        if (cloud.failure !== undefined) throw cloud.failure;
        const { connection, link } = createLink(dialled, (message, at) => cloud.onMessage(message, at));
        cloud.links.push(link);
        return connection;
      },
    },
  };
  return cloud;
}

function createLink(
  dialled: DialOptions,
  onMessage: (message: Message, link: FakeLink) => void,
): { connection: Connection; link: FakeLink } {
  const closed = Promise.withResolvers<CloseReason>();
  let isClosed = false;
  let handler: (text: string) => void | Promise<void> = () => {};
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const end = (reason: CloseReason): void => {
    isClosed = true;
    gate.resolve();
    closed.resolve(reason);
  };
  const link: FakeLink = {
    received: [],
    dialled,
    pings: 0,
    send: async (frame) => handler(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    congested(yes) {
      gate.resolve();
      gate = Promise.withResolvers<void>();
      if (!yes) gate.resolve();
    },
    close: () => end({ code: 1006, reason: '', local: false }),
  };
  const connection: Connection = {
    id: crypto.randomUUID(),
    peer: {
      nodeName: '',
      projectId: '',
      commonName: '',
      organization: '',
      remoteAddress: '127.0.0.1',
      headers: {},
    },
    bufferedBytes: 0,
    closed: closed.promise,
    start: (to) => {
      handler = to;
    },
    async send(text) {
      if (isClosed) throw viaductErrors.create('VIADUCT_CLOSED', { peer: 'cloud', code: 1006, reason: '' });
      const message = JSON.parse(text) as Message;
      link.received.push(message);
      onMessage(message, link);
      await gate.promise;
    },
    async ping() {
      link.pings += 1;
    },
    close: (code = 1000, reason = '') => end({ code, reason, local: true }),
  };
  return { connection, link };
}
