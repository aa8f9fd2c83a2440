import { EDGE_MODULES, type Message } from '@kubeedge-ts/apis';
import type { Bus } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';

/** Hands messages to modules so that a slow module delays itself, and control messages only where order demands it. */
export interface Delivery {
  /**
   * Resolves when the link may read on: for MetaManager and DeviceTwin when the message is in their mailbox, for all
   * others at once. What cannot be delivered is logged.
   */
  toModule(module: string, message: Message): Promise<void>;
  /** To all modules of a group, in the order of the calls, without waiting. */
  toGroup(group: string, message: Message): void;
}

/** Messages held for one module whose mailbox is full. User data beyond it is refused, with a log line. */
const MAX_HELD = 1_024;
const CONTROL: ReadonlySet<string> = new Set([EDGE_MODULES.metaManager, EDGE_MODULES.deviceTwin]);

export function createDelivery(bus: Bus, log: Logger): Delivery {
  const held = new Map<string, number>();
  const order = new Map<string, Promise<void>>();

  const send = async (module: string, message: Message): Promise<void> => {
    try {
      await bus.send(module, message);
    } catch (error) {
      const { source, operation, resource } = message.route;
      log.warn({ module, source, operation, resource, err: errorText(error) }, 'message was not delivered');
    }
  };

  return {
    async toModule(module, message) {
      if (CONTROL.has(module)) {
        await send(module, message);
        return;
      }
      const waiting = held.get(module) ?? 0;
      if (waiting >= MAX_HELD) {
        const { source, operation, resource } = message.route;
        log.warn({ module, source, operation, resource }, 'message was refused, the module does not keep up');
        return;
      }
      held.set(module, waiting + 1);
      void send(module, message).then(() => held.set(module, (held.get(module) ?? 1) - 1));
    },

    toGroup(group, message) {
      const before = order.get(group) ?? Promise.resolve();
      const sent = before
        .then(() => bus.sendToGroup(group, message))
        .catch((error) => log.debug({ group, err: errorText(error) }, 'nobody to tell'));
      order.set(group, sent);
    },
  };
}
