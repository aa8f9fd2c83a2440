import type { Message } from '@kubeedge-ts/apis';
import { messageErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { createMailbox, type Mailbox, type Overflow } from './mailbox.ts';

export interface Address {
  /** Module name, unique in the program. */
  readonly module: string;
  /** Routing group; several modules may share one. */
  readonly group: string;
  /** Messages the mailbox holds; default 1024 (spec/message-protocol.md §1.6). */
  readonly capacity?: number;
  readonly overflow?: Overflow;
}

export interface Subscription {
  readonly mailbox: Mailbox<Message>;
  /** Leaves the bus and closes the mailbox. */
  close(): void;
}

export interface WaitOptions {
  /** Default 30 s (spec/message-protocol.md §1.6). */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Carries messages between the modules of one program. */
export interface Bus {
  register(address: Address): Subscription;
  /** Resolves when the message is in the module's mailbox. @throws MESSAGE_MODULE_UNKNOWN, MESSAGE_MAILBOX_FULL */
  send(module: string, message: Message): Promise<void>;
  /** Sends to every module of the group. @throws MESSAGE_MODULE_UNKNOWN when the group is empty */
  sendToGroup(group: string, message: Message): Promise<void>;
  /** Sends and awaits the answer whose `parent_msg_id` is this message's id. @throws also MESSAGE_TIMEOUT */
  sendAndWait(module: string, message: Message, options?: WaitOptions): Promise<Message>;
  /** Hands an answer to whoever waits for it; false when nobody does. */
  respond(answer: Message): boolean;
}

const DEFAULT_CAPACITY = 1024;
const DEFAULT_TIMEOUT_MS = 30_000;

export function createBus(clock: Clock): Bus {
  const modules = new Map<string, { group: string; mailbox: Mailbox<Message> }>();
  const waiters = new Map<string, (answer: Message) => void>();

  const mailboxOf = (module: string): Mailbox<Message> => {
    const entry = modules.get(module);
    if (entry === undefined) throw messageErrors.create('MESSAGE_MODULE_UNKNOWN', { module });
    return entry.mailbox;
  };

  const bus: Bus = {
    register({ module, group, capacity = DEFAULT_CAPACITY, overflow = 'wait' }) {
      if (modules.has(module)) throw new TypeError(`module ${module} is registered twice`);
      const mailbox = createMailbox<Message>({ module, capacity, overflow });
      modules.set(module, { group, mailbox });
      return {
        mailbox,
        close: () => {
          modules.delete(module);
          mailbox.close();
        },
      };
    },

    async send(module, message) {
      await mailboxOf(module).put(message);
    },

    async sendToGroup(group, message) {
      const members = [...modules.values()].filter((entry) => entry.group === group);
      if (members.length === 0) throw messageErrors.create('MESSAGE_MODULE_UNKNOWN', { module: group });
      await Promise.all(members.map((member) => member.mailbox.put(message)));
    },

    sendAndWait(module, message, { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = {}) {
      const id = message.header.msg_id;
      return new Promise<Message>((resolve, reject) => {
        const finish = (settle: () => void): void => {
          waiters.delete(id);
          cancelTimer();
          signal?.removeEventListener('abort', onAbort);
          settle();
        };
        const onAbort = (): void => finish(() => reject(signal?.reason));
        const cancelTimer = clock.after(timeoutMs, () =>
          finish(() =>
            reject(
              messageErrors.create('MESSAGE_TIMEOUT', {
                module,
                timeoutMs,
                operation: message.route.operation,
                resource: message.route.resource,
              }),
            ),
          ),
        );
        if (signal?.aborted) {
          onAbort();
          return;
        }
        signal?.addEventListener('abort', onAbort, { once: true });
        waiters.set(id, (answer) => finish(() => resolve(answer)));
        bus.send(module, message).catch((error) => {
          if (waiters.has(id)) finish(() => reject(error));
        });
      });
    },

    respond(answer) {
      const waiter = waiters.get(answer.header.parent_msg_id ?? '');
      if (waiter === undefined) return false;
      waiter(answer);
      return true;
    },
  };
  return bus;
}
