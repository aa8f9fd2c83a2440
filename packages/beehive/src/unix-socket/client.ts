import { connect, type Socket } from 'node:net';
import type { Message } from '@kubeedge-ts/apis';
import { errorText, type KubeEdgeError, messageErrors } from '@kubeedge-ts/errors';
import { type Deferred, deferred } from '@kubeedge-ts/runtime';
import type { Address, Subscription, WaitOptions } from '../bus.ts';
import { createMailbox, type Mailbox } from '../mailbox.ts';
import { createLineReader, writeLine } from './lines.ts';
import {
  type ClientLine,
  fromRemoteError,
  MAX_LINE_BYTES,
  MAX_UNWRITTEN_BYTES,
  readServerLine,
  type ServerLine,
} from './protocol.ts';

/** A bus in another process: the same promises as `Bus`, plus MESSAGE_BUS_CLOSED when the connection has ended. */
export interface RemoteBus {
  register(address: Address): Promise<Subscription>;
  send(module: string, message: Message): Promise<void>;
  sendToGroup(group: string, message: Message): Promise<void>;
  sendAndWait(module: string, message: Message, options?: WaitOptions): Promise<Message>;
  respond(answer: Message): Promise<boolean>;
  close(): void;
  /** Resolves when the connection has ended, for whatever reason. Mailboxes are closed then. */
  readonly closed: Promise<void>;
}

const DEFAULT_CAPACITY = 1024;

type Answer = Exclude<ServerLine, { deliver: number } | { error: unknown }>;
type Request = Exclude<ClientLine, { cancel: number } | { delivered: number }>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** Connects to a bus offered by `createUnixSocketServer`. @throws KubeEdgeError MESSAGE_BUS_CLOSED */
export async function createUnixSocketClient(path: string): Promise<RemoteBus> {
  const socket = await open(path);
  const closed = deferred();
  const pending = new Map<number, Deferred<Answer>>();
  const mailboxes = new Map<string, Mailbox<Message>>();
  let last = 0;
  let problem = 'the connection has ended';

  const write = (line: ClientLine): void => writeLine(socket, line, MAX_UNWRITTEN_BYTES);

  const ask = async (request: WithoutId<Request>, signal?: AbortSignal): Promise<Answer> => {
    signal?.throwIfAborted();
    if (socket.destroyed) throw gone(path, problem);
    last += 1;
    const id = last;
    const answer = deferred<Answer>();
    const onAbort = (): void => {
      write({ cancel: id });
      answer.reject(signal?.reason);
    };
    pending.set(id, answer);
    signal?.addEventListener('abort', onAbort, { once: true });
    write({ ...request, id } as Request);
    try {
      return await answer.promise;
    } finally {
      pending.delete(id);
      signal?.removeEventListener('abort', onAbort);
    }
  };

  const deliver = async (number: number, module: string, message: Message): Promise<void> => {
    // A module that has just left takes nothing more; the server learns of it with the next line.
    await mailboxes
      .get(module)
      ?.put(message)
      .catch(() => undefined);
    write({ delivered: number });
  };

  const onLine = (text: string): void => {
    let line: ServerLine;
    try {
      line = readServerLine(text);
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    if ('deliver' in line) void deliver(line.deliver, line.module, line.message);
    else if ('error' in line) pending.get(line.re)?.reject(fromRemoteError(line.error));
    else pending.get(line.re)?.resolve(line);
  };

  socket.on(
    'data',
    createLineReader(MAX_LINE_BYTES, onLine, () => socket.destroy(new Error('line too long'))),
  );
  socket.on('error', (error) => {
    problem = errorText(error);
  });
  socket.on('close', () => {
    for (const answer of pending.values()) answer.reject(gone(path, problem));
    for (const mailbox of mailboxes.values()) mailbox.close();
    mailboxes.clear();
    closed.resolve();
  });

  return {
    async register(address) {
      const { module, capacity = DEFAULT_CAPACITY } = address;
      const mailbox = createMailbox<Message>({ module, capacity, overflow: 'wait' });
      // In place before the request: the first delivery may come in the same read as the answer to it.
      if (mailboxes.has(module)) throw new TypeError(`module ${module} is registered twice`);
      mailboxes.set(module, mailbox);
      try {
        await ask({ op: 'register', address });
      } catch (error) {
        mailboxes.delete(module);
        throw error;
      }
      const close = (): void => {
        if (mailboxes.get(module) !== mailbox) return;
        mailboxes.delete(module);
        mailbox.close();
        // Whether the server still answers does not matter to a module that is leaving.
        ask({ op: 'unregister', module }).catch(() => undefined);
      };
      return { mailbox, close };
    },
    async send(module, message) {
      await ask({ op: 'send', to: module, message });
    },
    async sendToGroup(group, message) {
      await ask({ op: 'sendToGroup', to: group, message });
    },
    async sendAndWait(module, message, { timeoutMs, signal } = {}) {
      const request = { op: 'sendAndWait', to: module, message } as const;
      const { answer } = await ask(timeoutMs === undefined ? request : { ...request, timeoutMs }, signal);
      if (answer === undefined) throw gone(path, 'the answer is missing');
      return answer;
    },
    async respond(answer) {
      const { taken } = await ask({ op: 'respond', message: answer });
      return taken === true;
    },
    close: () => void socket.destroy(),
    closed: closed.promise,
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onError = (cause: Error): void => reject(gone(path, cause.message, cause));
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.removeListener('error', onError);
      resolve(socket);
    });
  });
}

function gone(path: string, problem: string, cause?: unknown): KubeEdgeError {
  return messageErrors.create('MESSAGE_BUS_CLOSED', { path, problem }, cause);
}
