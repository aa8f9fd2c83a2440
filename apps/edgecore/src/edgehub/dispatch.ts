import { EDGE_MODULES, GROUPS, type Message } from '@kubeedge-ts/apis';

/**
 * Where a message of the cloud goes (spec/message-protocol.md §2.3, v1.23). `answer`: to whoever waits for it, and to
 * MetaManager when nobody does any more, since the cloud repeats an answer until it is acknowledged.
 */
export type Destination =
  | { readonly kind: 'answer' }
  | { readonly kind: 'module'; readonly module: string }
  | { readonly kind: 'none'; readonly problem: string };

const USER_MODULES: ReadonlyMap<string, string> = new Map([
  ['router_eventbus', EDGE_MODULES.eventBus],
  ['router_servicebus', 'servicebus'],
]);

const toModule = (module: string): Destination => ({ kind: 'module', module });

export function destinationOf({ header, route }: Message): Destination {
  const isAnswer = header.parent_msg_id !== undefined && header.parent_msg_id !== '';
  switch (route.group) {
    case GROUPS.resource:
    case 'func':
      return isAnswer ? { kind: 'answer' } : toModule(EDGE_MODULES.metaManager);
    case GROUPS.twin:
      // Confirmations too: DeviceTwin keeps what is not confirmed yet.
      return toModule(EDGE_MODULES.deviceTwin);
    case GROUPS.user: {
      if (isAnswer) return { kind: 'answer' };
      const module = USER_MODULES.get(route.source ?? '');
      if (module !== undefined) return toModule(module);
      return { kind: 'none', problem: `nobody takes user messages from ${route.source}` };
    }
    case 'taskmanager':
      return toModule('taskmanager');
    default:
      return { kind: 'none', problem: `unknown group ${route.group}` };
  }
}
