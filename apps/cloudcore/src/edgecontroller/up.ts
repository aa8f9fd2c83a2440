import {
  dispatchRouted,
  type Message,
  type RoutedMessage,
  type RouteHandlers,
  type RouteName,
  routeMessage,
  type Status,
} from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { sleep } from '@kubeedge-ts/runtime';
import type { Upstream } from '../cloudhub/downstream.ts';
import { forbidden, refusal, statusFor } from '../controllers/answers.ts';
import { createKeyedLanes } from '../controllers/keyed-lanes.ts';
import { mayAccess, type PodName, type Verdict } from './authorize.ts';
import { claimedUid } from './claimed-uid.ts';
import type { UpHandler, UpPorts, UpRequest } from './up-context.ts';
import { createEventHandler } from './up-events.ts';
import { createNodeHandlers } from './up-nodes.ts';
import { createObjectHandlers } from './up-objects.ts';
import { createPodHandlers } from './up-pods.ts';

/** Limits per node, and how long a message waits for the caches after a start. */
export interface UpLimits {
  readonly concurrency: number;
  readonly backlog: number;
  readonly readyMs: number;
}

/** How a failure is said, by route: edges look for different things. */
const AS_RESPONSE: ReadonlySet<RouteName> = new Set<RouteName>([
  'up.node-insert',
  'up.node-patch',
  'up.pod-patch',
  'up.pod-insert',
  'up.lease',
  'up.csr-insert',
]);
const AS_TEXT: ReadonlySet<RouteName> = new Set<RouteName>([
  'up.node-update',
  'up.node-status',
  'up.pod-status',
]);
/** Heartbeats never queue behind other work of their node. */
const URGENT: ReadonlySet<RouteName> = new Set<RouteName>(['up.lease', 'up.node-patch', 'up.node-status']);
/** Decided without knowing the node's pods. */
const ABOUT_ITSELF: ReadonlySet<RouteName> = new Set<RouteName>([
  'up.lease',
  'up.node-insert',
  'up.node-query',
  'up.node-update',
  'up.node-patch',
  'up.node-status',
  'up.csr-insert',
]);

/** The EdgeController's half of the messages from edges: authorised, in order per object, each answered. */
export function createUp(ports: UpPorts, limits: UpLimits, signal: AbortSignal) {
  const { caches, downstream, answers, peers, pace, volumes, clock, log } = ports;
  const lanes = createKeyedLanes(limits);
  const onNodes = createNodeHandlers(ports);
  const onPods = createPodHandlers(ports);
  const onObjects = createObjectHandlers(ports);
  const handle =
    <R extends RouteName>(handler: UpHandler<R>) =>
    (routed: RoutedMessage<R>, context: Omit<UpRequest, 'routed'>) =>
      handler({ ...context, routed });
  const handlers: RouteHandlers<Omit<UpRequest, 'routed'>, Promise<Message | undefined>> = {
    'up.node-insert': handle(onNodes.insert),
    'up.node-query': handle(onNodes.query),
    'up.node-update': handle(onNodes.update),
    'up.node-patch': handle(onNodes.patch),
    'up.node-status': handle(onNodes.status),
    'up.pod-patch': handle(onPods.patch),
    'up.pod-status': handle(onPods.status),
    'up.pod-insert': handle(onPods.insert),
    'up.pod-delete': handle(onPods.delete),
    'up.lease': handle(onObjects.lease),
    'up.query': handle(onObjects.query),
    'up.token': handle(onObjects.token),
    'up.csr-insert': handle(onObjects.csr),
    'up.event': handle(createEventHandler(ports)),
  };

  const failed = (node: string, routed: RoutedMessage, status: Status): Message | undefined => {
    if (routed.route === 'up.event' && peers.has(node, 'event-answers') !== true) return undefined;
    if (routed.path.type === 'lease' || AS_RESPONSE.has(routed.route)) {
      return answers.refusedResponse(routed.message, status);
    }
    if (AS_TEXT.has(routed.route)) return answers.refusedText(routed.message, status);
    return answers.refused(routed.message, status);
  };

  /** The node of the pod a message is about; a pod that has been replaced since is not that pod. */
  const podNodeOf = (routed: RoutedMessage): string | undefined => {
    const { namespace, name } = routed.path;
    const stub = name === '' ? undefined : caches.podStub({ namespace, name });
    const uid = claimedUid(routed);
    return uid === undefined || stub?.metadata.uid === uid ? stub?.spec?.nodeName : undefined;
  };
  const decide = (node: string, routed: RoutedMessage): Verdict => {
    const { route, path, message } = routed;
    const request = {
      route,
      path,
      content: message.content,
      podNode: podNodeOf(routed),
      wasBound: (pod: PodName) => caches.wasBound(node, pod),
    };
    return mayAccess(node, request, caches.podsOf(node));
  };

  const allowedByVolume = async (node: string, reference: string | undefined): Promise<boolean> =>
    reference !== undefined && (await volumes.of(node, caches.podsOf(node), signal)).has(reference);

  const answer = async (node: string, routed: RoutedMessage): Promise<Message | undefined> => {
    const { route, path } = routed;
    if (!ABOUT_ITSELF.has(route) && !caches.isReady && !(await readyInTime())) {
      return failed(
        node,
        routed,
        refusal(503, 'ServiceUnavailable', 'cloudcore is still reading the cluster'),
      );
    }
    const verdict = decide(node, routed);
    if (!verdict.allow && !(await allowedByVolume(node, verdict.unlessVolume))) {
      log.warn(
        { node, route, resource: routed.message.route.resource, reason: verdict.reason },
        'access of node denied',
      );
      return failed(node, routed, forbidden(path.type, path.name, verdict.reason));
    }
    return dispatchRouted(handlers, routed, { node, pods: caches.podsOf(node), signal });
  };

  const readyInTime = async (): Promise<boolean> => {
    const waiting = new AbortController();
    const late = sleep(clock, limits.readyMs, AbortSignal.any([signal, waiting.signal])).catch(
      () => undefined,
    );
    await Promise.race([caches.ready, late]);
    waiting.abort();
    return caches.isReady;
  };

  const work = async (node: string, routed: RoutedMessage): Promise<void> => {
    let message: Message | undefined;
    try {
      message = await answer(node, routed);
    } catch (error) {
      if (signal.aborted) return;
      const { resource, operation } = routed.message.route;
      log.warn({ node, operation, resource, err: errorText(error) }, 'request of node failed');
      message = failed(node, routed, statusFor(error));
    }
    if (message !== undefined) post(node, message);
  };

  const post = (node: string, message: Message): void => {
    if (downstream.post(node, message)) return;
    log.debug({ node, resource: message.route.resource }, 'node went away before its answer');
  };

  /** One after the other, at the pace of events; more than can wait are refused, so that they delay nothing else. */
  const takeEvent = (node: string, routed: RoutedMessage): Promise<void> | undefined => {
    if (!pace.enter(node)) {
      log.warn({ node, resource: routed.message.route.resource }, 'event of node refused, too many wait');
      const answer = failed(
        node,
        routed,
        refusal(429, 'TooManyRequests', 'too many events of this node wait'),
      );
      if (answer !== undefined) post(node, answer);
      return undefined;
    }
    return lanes.submit(node, laneOf(routed), () => work(node, routed).finally(() => pace.leave(node)));
  };

  const upstream: Upstream = {
    receive(node, message) {
      const routed = routeMessage(message, 'edge');
      if (handlers[routed.route] === undefined) {
        log.warn({ node, route: routed.route }, 'message is none of the EdgeController');
        return;
      }
      if (routed.route === 'up.event') return takeEvent(node, routed);
      return lanes.submit(node, laneOf(routed), () => work(node, routed), URGENT.has(routed.route));
    },
  };
  return { upstream, idle: lanes.idle };
}

/** Messages of one lane are worked on in order; those that only read need none. */
function laneOf({ route, path, message }: RoutedMessage): string {
  switch (route) {
    case 'up.node-insert':
    case 'up.node-update':
    case 'up.node-patch':
    case 'up.node-status':
      return `node/${path.name}`;
    case 'up.pod-patch':
    case 'up.pod-status':
    case 'up.pod-insert':
    case 'up.pod-delete':
      return `pod/${path.namespace}/${path.name}`;
    case 'up.event':
      return 'event';
    case 'up.lease':
    case 'up.csr-insert':
      return `${path.type}/${path.namespace}/${path.name}`;
    default:
      return message.header.msg_id;
  }
}
