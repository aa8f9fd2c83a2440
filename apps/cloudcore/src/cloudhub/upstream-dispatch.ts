import {
  CLOUD_MODULES,
  EDGE_MODULES,
  GROUPS,
  type Message,
  OPERATIONS,
  routeMessage,
} from '@kubeedge-ts/apis';
import { cloudcoreErrors, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';

/** What becomes of a message from an edge. */
export type Dispatch =
  | { readonly to: 'hub'; readonly what: 'keepalive' | 'error' | 'ca' }
  | { readonly to: 'hub'; readonly what: 'ack'; readonly id: string }
  | { readonly to: 'edge' }
  | { readonly to: 'device' }
  /** `answer`: the sender waits for a reply and gets the error. */
  | { readonly to: 'nobody'; readonly error: KubeEdgeError; readonly answer: boolean };

/** An edge never speaks for them. `cloudStream` is upstream's spelling. */
const FORGED: ReadonlySet<string> = new Set([...Object.values(CLOUD_MODULES), 'cloudStream']);

const REQUESTS: ReadonlySet<string> = new Set([
  OPERATIONS.insert,
  OPERATIONS.update,
  OPERATIONS.delete,
  OPERATIONS.query,
  OPERATIONS.patch,
  // A MetaServer's application request (spec/message-protocol.md §6).
  'null',
]);

/** The order of spec/message-protocol.md §2.4 [HEAD]. */
export function dispatch(node: string, message: Message): Dispatch {
  const { source = '', operation = '', resource = '', group = '' } = message.route;
  switch (operation) {
    case OPERATIONS.keepalive:
      return { to: 'hub', what: 'keepalive' };
    case OPERATIONS.response:
      return { to: 'hub', what: 'ack', id: message.header.parent_msg_id ?? '' };
    case OPERATIONS.error:
      return { to: 'hub', what: 'error' };
  }
  if (operation === OPERATIONS.upload || group === GROUPS.user) {
    return nobody('CLOUDCORE_MESSAGE_UNSUPPORTED', { source, operation, resource }, false);
  }
  if (resource === 'k8s/ca.crt') return { to: 'hub', what: 'ca' };
  if (FORGED.has(source)) {
    return nobody('CLOUDCORE_MESSAGE_FORGED', { node, source, operation, resource }, false);
  }
  const answer = REQUESTS.has(operation) && source !== EDGE_MODULES.deviceTwin;
  if (source === 'metaserver') {
    return nobody('CLOUDCORE_MESSAGE_UNSUPPORTED', { source, operation, resource }, answer);
  }
  try {
    routeMessage(message, 'edge');
  } catch (error) {
    if (!isKubeEdgeError(error)) throw error;
    return { to: 'nobody', error, answer };
  }
  return { to: source === EDGE_MODULES.deviceTwin ? 'device' : 'edge' };
}

function nobody(
  code: Parameters<typeof cloudcoreErrors.create>[0],
  details: Parameters<typeof cloudcoreErrors.create>[1],
  answer: boolean,
): Dispatch {
  return { to: 'nobody', error: cloudcoreErrors.create(code, details), answer };
}
