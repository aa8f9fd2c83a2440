import {
  EDGE_MODULES,
  GROUPS,
  type Event as KubeEvent,
  type MessageOrigin,
  newMessage,
  OPERATIONS,
  resourcePath,
} from '@kubeedge-ts/apis';
import type { Bus } from '@kubeedge-ts/beehive';

/** Events on their way to the cloud. */
export interface EventOutbox {
  report(event: KubeEvent): Promise<void>;
}

export function createEventOutbox({ bus, origin }: { bus: Bus; origin: MessageOrigin }): EventOutbox {
  return {
    async report(event) {
      const { namespace, name } = event.metadata;
      await bus.send(
        EDGE_MODULES.edgeHub,
        newMessage(origin, {
          source: EDGE_MODULES.edged,
          group: GROUPS.meta,
          operation: (event.count ?? 1) > 1 ? OPERATIONS.update : OPERATIONS.insert,
          resource: resourcePath('event', namespace, name),
          content: event,
        }),
      );
    },
  };
}
