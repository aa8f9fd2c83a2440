import type { Socket } from 'node:net';
import type { Message } from '@kubeedge-ts/apis';
import { errorText, messageErrors } from '@kubeedge-ts/errors';
import { type Deferred, deferred, type Logger } from '@kubeedge-ts/runtime';
import type { Address, Bus, Subscription } from '../bus.ts';
import { createLineReader, writeLine } from './lines.ts';
import {
  type ClientLine,
  MAX_LINE_BYTES,
  MAX_UNWRITTEN_BYTES,
  readClientLine,
  type ServerLine,
  toRemoteError,
} from './protocol.ts';

/** Requests of one connection that may be unanswered; more are refused, so that answers always get through. */
const MAX_PENDING = 1_024;
const MAX_MODULES = 64;

type Request = Exclude<ClientLine, { cancel: number } | { delivered: number }>;
interface Outcome {
  readonly answer?: Message;
  readonly taken?: boolean;
}

/** Serves one process on the other side of the socket until it goes away. */
export function serveSession(bus: Bus, socket: Socket, log: Logger): void {
  const pending = new Map<number, AbortController>();
  const subscriptions = new Map<string, Subscription>();
  const deliveries = new Map<number, Deferred>();
  let lastDelivery = 0;

  const write = (line: ServerLine): void => writeLine(socket, line, MAX_UNWRITTEN_BYTES);

  const end = (problem: string): void => {
    log.warn({ problem }, 'unix socket peer violates the protocol');
    socket.destroy();
  };

  /** One message at a time per module: the next one leaves when the peer's mailbox has taken this one. */
  const deliverAll = async (module: string, { mailbox }: Subscription): Promise<void> => {
    for (let message = await mailbox.take(); message !== undefined; message = await mailbox.take()) {
      if (socket.destroyed) {
        log.warn({ module, messages: mailbox.size + 1 }, 'remote module left, its messages are lost');
        return;
      }
      lastDelivery += 1;
      const confirmed = deferred();
      deliveries.set(lastDelivery, confirmed);
      write({ deliver: lastDelivery, module, message });
      await confirmed.promise;
    }
  };

  const register = (address: Address): void => {
    if (subscriptions.size >= MAX_MODULES) throw new TypeError(`more than ${MAX_MODULES} modules`);
    const subscription = bus.register(address);
    subscriptions.set(address.module, subscription);
    void deliverAll(address.module, subscription);
  };

  const unregister = (module: string): void => {
    subscriptions.get(module)?.close();
    subscriptions.delete(module);
  };

  const carryOut = async (line: Request, signal: AbortSignal): Promise<Outcome> => {
    switch (line.op) {
      case 'send':
        await bus.send(line.to, line.message);
        return {};
      case 'sendToGroup':
        await bus.sendToGroup(line.to, line.message);
        return {};
      case 'sendAndWait': {
        const { timeoutMs } = line;
        const options = timeoutMs === undefined ? { signal } : { signal, timeoutMs };
        return { answer: await bus.sendAndWait(line.to, line.message, options) };
      }
      case 'respond':
        return { taken: bus.respond(line.message) };
      case 'register':
        register(line.address);
        return {};
      case 'unregister':
        unregister(line.module);
        return {};
    }
  };

  const serve = async (line: ClientLine): Promise<void> => {
    if ('cancel' in line) {
      pending.get(line.cancel)?.abort(new Error('the sender no longer waits'));
      return;
    }
    if ('delivered' in line) {
      deliveries.get(line.delivered)?.resolve();
      deliveries.delete(line.delivered);
      return;
    }
    const { id } = line;
    const abort = new AbortController();
    try {
      if (pending.size >= MAX_PENDING || pending.has(id)) {
        throw messageErrors.create('MESSAGE_MAILBOX_FULL', { module: 'unix socket', capacity: MAX_PENDING });
      }
      pending.set(id, abort);
      write({ re: id, ...(await carryOut(line, abort.signal)) });
    } catch (error) {
      write({ re: id, error: toRemoteError(error) });
    } finally {
      if (pending.get(id) === abort) pending.delete(id);
    }
  };

  const onLine = (text: string): void => {
    if (socket.destroyed) return;
    let line: ClientLine;
    try {
      line = readClientLine(text);
    } catch (error) {
      end(errorText(error));
      return;
    }
    void serve(line);
  };

  socket.on(
    'data',
    createLineReader(MAX_LINE_BYTES, onLine, () => end('line too long')),
  );
  socket.on('error', (error) => log.debug({ err: errorText(error) }, 'unix socket connection failed'));
  socket.on('close', () => {
    for (const abort of pending.values()) abort.abort(new Error('the sender went away'));
    for (const module of [...subscriptions.keys()]) unregister(module);
    for (const [number, confirmed] of deliveries) {
      log.warn({ delivery: number }, 'remote module left before it confirmed a message');
      confirmed.resolve();
    }
    deliveries.clear();
  });
}
