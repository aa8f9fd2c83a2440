import { messageErrors } from '@kubeedge-ts/errors';
import { isRecord } from '../json.ts';
import type { KubeObject, UnknownObject } from '../kubernetes/meta.ts';
import type { TokenRequest } from '../kubernetes/resources.ts';
import { INVENTORY_TYPE, type InventoryRequest } from './inventory.ts';
import type { Message } from './message.ts';
import type { DeviceTwinUpdate, MembershipUpdate, NodeStatusRequest, PodStatusRequest } from './payloads.ts';
import { parseResource, type ResourcePath } from './resource.ts';

/**
 * Checks a content and gives it its type.
 * Returns `{ path, problem }` when it does not fit; nothing is thrown, nothing is copied.
 */
export type ContentCheck<C> = (content: unknown) => Problem | Checked<C>;
interface Problem {
  readonly path: string;
  readonly problem: string;
}
interface Checked<C> {
  readonly content: C;
}

/** One kind of message: who sends it, who handles it, what it carries, whether an answer is due. */
export interface RouteSpec<C> {
  /** `route.source` values it may come from; empty: any. */
  readonly sources: readonly string[];
  readonly operations: readonly string[];
  /** Type tokens of `route.resource`, see `parseResource`; `*` is any. */
  readonly types: readonly string[];
  /** Which side sends it. */
  readonly from: 'cloud' | 'edge' | 'local';
  /** `ack`: the receiver confirms with `OK`; `response`: the sender awaits an answer of its own. */
  readonly answer: 'none' | 'ack' | 'response';
  readonly check: ContentCheck<C>;
}

const MAX_INVENTORY_TYPES = 64;

const ok = <C>(content: C): Checked<C> => ({ content });
const bad = (path: string, problem: string): Problem => ({ path, problem });

const anything: ContentCheck<unknown> = (content) => ok(content);

const text: ContentCheck<string> = (content) =>
  typeof content === 'string' ? ok(content) : bad('content', 'not a string');

/** A Kubernetes object that names itself. */
const object: ContentCheck<UnknownObject> = (content) => {
  if (!isRecord(content)) return bad('content', 'not an object');
  if (!isRecord(content['metadata'])) return bad('content.metadata', 'not an object');
  if (typeof content['metadata']['name'] !== 'string') return bad('content.metadata.name', 'not a string');
  return ok(content as unknown as UnknownObject);
};

const objectOrNull: ContentCheck<KubeObject | null> = (content) =>
  content === null ? ok(null) : object(content);

/** A patch travels as a string holding JSON. */
const patch: ContentCheck<string> = text;

const tokenRequest: ContentCheck<TokenRequest> = (content) =>
  isRecord(content) && isRecord(content['spec'])
    ? ok(content as unknown as TokenRequest)
    : bad('content.spec', 'not an object');

const podStatus: ContentCheck<PodStatusRequest | readonly PodStatusRequest[]> = (content) => {
  const list = Array.isArray(content) ? content : [content];
  for (const [index, entry] of list.entries()) {
    if (!isRecord(entry) || typeof entry['UID'] !== 'string' || typeof entry['Name'] !== 'string') {
      return bad(`content[${index}]`, 'not {UID, Name, Status}');
    }
    if (!isRecord(entry['Status'])) return bad(`content[${index}].Status`, 'not an object');
  }
  return ok(content as PodStatusRequest | readonly PodStatusRequest[]);
};

const nodeStatus: ContentCheck<NodeStatusRequest | KubeObject> = (content) =>
  isRecord(content) && (isRecord(content['Status']) || isRecord(content['status']))
    ? ok(content as unknown as NodeStatusRequest | KubeObject)
    : bad('content', 'neither a Node nor {UID, Status}');

const twinUpdate: ContentCheck<DeviceTwinUpdate> = (content) => {
  if (!isRecord(content)) return bad('content', 'not an object');
  if (!isRecord(content['twin'])) return bad('content.twin', 'not an object');
  for (const [name, twin] of Object.entries(content['twin'])) {
    if (twin !== null && !isRecord(twin)) return bad(`content.twin.${name}`, 'neither an object nor null');
  }
  return ok(content as unknown as DeviceTwinUpdate);
};

const membership: ContentCheck<MembershipUpdate> = (content) => {
  if (!isRecord(content)) return bad('content', 'not an object');
  for (const key of ['added_devices', 'removed_devices'] as const) {
    const list = content[key];
    if (list === null || list === undefined) continue;
    if (!Array.isArray(list)) return bad(`content.${key}`, 'not an array');
    for (const [index, device] of list.entries()) {
      if (!isRecord(device) || typeof device['id'] !== 'string') {
        return bad(`content.${key}[${index}].id`, 'not a string');
      }
    }
  }
  return ok(content as unknown as MembershipUpdate);
};

const inventoryRequest: ContentCheck<InventoryRequest> = (content) => {
  if (!isRecord(content)) return bad('content', 'not an object');
  const { types, digest } = content;
  if (
    !Array.isArray(types) ||
    types.length > MAX_INVENTORY_TYPES ||
    !types.every((type) => typeof type === 'string')
  ) {
    return bad('content.types', `not an array of at most ${MAX_INVENTORY_TYPES} strings`);
  }
  if (digest !== undefined && typeof digest !== 'string') return bad('content.digest', 'not a string');
  return ok(content as unknown as InventoryRequest);
};

function route<C>(
  from: RouteSpec<C>['from'],
  sources: readonly string[],
  operations: readonly string[],
  types: readonly string[],
  answer: RouteSpec<C>['answer'],
  check: ContentCheck<C>,
): RouteSpec<C> {
  return { from, sources, operations, types, answer, check };
}

const CHANGE = ['insert', 'update', 'delete'] as const;
const CONTROLLERS = ['edgecontroller', 'dynamiccontroller', 'synccontroller', 'policycontroller'] as const;

/**
 * The registry: every message either program sends or accepts (spec/message-protocol.md §3).
 * Order matters where types overlap: the first match wins.
 */
export const ROUTES = {
  // cloud → edge
  'down.device': route(
    'cloud',
    ['devicecontroller', 'edgecontroller'],
    CHANGE,
    ['device', 'devicemodel'],
    'ack',
    object,
  ),
  'down.membership': route('cloud', ['devicecontroller'], ['update'], ['membership'], 'none', membership),
  'down.twin': route(
    'cloud',
    ['devicecontroller'],
    ['update'],
    ['device/twin/cloud_updated'],
    'none',
    twinUpdate,
  ),
  'down.twin-confirm': route('cloud', ['devicecontroller'], ['response'], ['twin'], 'none', anything),
  'down.ca': route('cloud', ['cloudhub'], ['response'], ['k8s/ca.crt'], 'none', text),
  'down.inventory': route('cloud', ['cloudhub'], ['query'], [INVENTORY_TYPE], 'response', inventoryRequest),
  'down.node-delete': route('local', ['edgecontroller'], ['delete'], ['node'], 'none', anything),
  'down.object': route('cloud', CONTROLLERS, CHANGE, ['*'], 'ack', objectOrNull),
  'down.answer': route('cloud', ['edgecontroller'], ['response', 'error'], ['*'], 'ack', anything),
  'down.user-publish': route('cloud', ['router_eventbus'], ['publish'], ['*'], 'none', anything),
  'down.user-subscribe': route(
    'cloud',
    ['router_eventbus'],
    ['subscribe', 'unsubscribe'],
    ['*'],
    'none',
    anything,
  ),
  // edge → cloud
  'up.keepalive': route('edge', ['websocket'], ['keepalive'], ['node'], 'none', anything),
  'up.membership-detail': route('edge', ['twin'], ['get'], ['membership/detail'], 'none', anything),
  'up.twin': route('edge', ['twin'], ['update'], ['device/twin/edge_updated'], 'response', twinUpdate),
  'up.device-state': route('edge', ['twin'], ['update'], ['device/state/update'], 'response', text),
  'up.ca-query': route('edge', [], ['query'], ['k8s/ca.crt'], 'response', anything),
  'up.node-insert': route('edge', [], ['insert'], ['node'], 'response', object),
  'up.node-query': route('edge', [], ['query'], ['node'], 'response', anything),
  'up.node-update': route('edge', [], ['update'], ['node'], 'response', object),
  'up.node-patch': route('edge', [], ['patch'], ['nodepatch'], 'response', patch),
  'up.node-status': route('edge', [], ['insert', 'update'], ['nodestatus'], 'response', nodeStatus),
  'up.pod-patch': route('edge', [], ['patch'], ['podpatch'], 'response', patch),
  'up.pod-status': route('edge', [], ['update'], ['podstatus'], 'response', podStatus),
  'up.pod-insert': route('edge', [], ['insert'], ['pod'], 'response', object),
  'up.pod-delete': route('edge', [], ['delete'], ['pod'], 'response', anything),
  'up.lease': route('edge', [], ['insert', 'update'], ['lease'], 'response', object),
  'up.query': route(
    'edge',
    [],
    ['query'],
    [
      'configmap',
      'secret',
      'lease',
      'pod',
      'persistentvolume',
      'persistentvolumeclaim',
      'volumeattachment',
      'runtimeclass',
      'csidriver',
      'certificatesigningrequest',
    ],
    'response',
    anything,
  ),
  'up.token': route('edge', [], ['query'], ['serviceaccounttoken'], 'response', tokenRequest),
  'up.csr-insert': route('edge', [], ['insert'], ['certificatesigningrequest'], 'response', object),
  'up.event': route('edge', [], ['insert', 'update', 'patch'], ['event'], 'none', anything),
  'up.upload': route('edge', [], ['upload'], ['*'], 'none', anything),
  'up.ack': route('edge', [], ['response'], ['*'], 'none', anything),
  'up.error': route('edge', [], ['error'], ['*'], 'none', anything),
  // inside edgecore
  'local.unhold-upgrade': route('local', ['metaserver'], ['unhold-upgrade'], ['pod'], 'none', anything),
  'local.connection': route('local', ['edgehub'], ['connect'], ['node/connection'], 'none', text),
} as const;

export type Routes = typeof ROUTES;
export type RouteName = keyof Routes;
export type ContentOf<R extends RouteName> = Routes[R] extends RouteSpec<infer C> ? C : never;

export interface RoutedMessage<R extends RouteName = RouteName> {
  readonly route: R;
  readonly path: ResourcePath;
  readonly message: Message<ContentOf<R>>;
}

/** Finds the route of a message that came from `from`, or undefined. Content is not looked at. */
export function matchRoute(
  message: Message,
  from: 'cloud' | 'edge' | 'local',
): { name: RouteName; path: ResourcePath } | undefined {
  const path = parseResource(message.route.resource ?? '');
  const operation = message.route.operation ?? '';
  const source = message.route.source ?? '';
  for (const name of CANDIDATES[from]) {
    const spec: RouteSpec<unknown> = ROUTES[name];
    if (!spec.operations.includes(operation)) continue;
    if (spec.sources.length > 0 && !spec.sources.includes(source)) continue;
    if (spec.types[0] !== '*' && !spec.types.includes(path.type)) continue;
    return { name, path };
  }
  return undefined;
}

const CANDIDATES = Object.groupBy(Object.keys(ROUTES) as RouteName[], (name) => ROUTES[name].from) as Record<
  'cloud' | 'edge' | 'local',
  RouteName[]
>;

/**
 * Routes and checks a message from a peer.
 *
 * @throws KubeEdgeError MESSAGE_ROUTE_UNKNOWN, MESSAGE_CONTENT_INVALID
 */
export function routeMessage(message: Message, from: 'cloud' | 'edge' | 'local'): RoutedMessage {
  const { source = '', operation = '', resource = '' } = message.route;
  const match = matchRoute(message, from);
  if (match === undefined)
    throw messageErrors.create('MESSAGE_ROUTE_UNKNOWN', { source, operation, resource });
  const checked = (ROUTES[match.name].check as ContentCheck<unknown>)(message.content);
  if ('problem' in checked) {
    throw messageErrors.create('MESSAGE_CONTENT_INVALID', {
      operation,
      resource,
      path: checked.path,
      problem: checked.problem,
    });
  }
  return { route: match.name, path: match.path, message: message as RoutedMessage['message'] };
}

/** Handlers by route name; a route that does not exist is a type error. */
export type RouteHandlers<Context, Result> = {
  readonly [R in RouteName]?: (routed: RoutedMessage<R>, context: Context) => Result;
};

/** Calls the handler of a routed message; undefined when none is attached. */
export function dispatchRouted<Context, Result>(
  handlers: RouteHandlers<Context, Result>,
  routed: RoutedMessage,
  context: Context,
): Result | undefined {
  const handler = handlers[routed.route] as ((routed: RoutedMessage, context: Context) => Result) | undefined;
  return handler?.(routed, context);
}
