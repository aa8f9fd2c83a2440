import type { Event, Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, rfc3339 } from '@kubeedge-ts/runtime';
import { createEventCorrelation } from './events-correlation.ts';
import { identityOf } from './runtime/labels.ts';

export type EventType = 'Normal' | 'Warning';

/** What edged tells the users of its pods and node, as core/v1 Events (reasons: spec/edged.md §19). */
export interface Events {
  /** Counted up when the same is said again, rate-limited per object; never blocks, never throws. `container` sets involvedObject.fieldPath. */
  pod(pod: Pod, type: EventType, reason: string, message: string, container?: string): void;
  node(type: EventType, reason: string, message: string): void;
}

export const silentEvents: Events = { pod: () => {}, node: () => {} };

export interface EventsOptions {
  readonly nodeName: string;
  /** Hands an event on its way; resolves when it cannot be lost any more. */
  readonly report: (event: Event) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the API server takes as the message of an `events.k8s.io/v1` event. */
const MAX_MESSAGE = 1_024;
const MAX_NAME = 253;
/** Events handed on and not durable yet; a store that hangs must not fill the memory. */
const MAX_UNDER_WAY = 256;

export function createEvents({ nodeName, report, clock, log }: EventsOptions): Events {
  const correlate = createEventCorrelation(clock);
  let lastNano = 0n;
  let underWay = 0;

  /** `<object>.<nanoseconds in hex>`, never the same twice. */
  const nameFor = (object: string): string => {
    const nano = BigInt(Math.trunc(clock.now())) * 1_000_000n;
    lastNano = nano > lastNano ? nano : lastNano + 1n;
    const tail = `.${lastNano.toString(16)}`;
    return `${object.slice(0, MAX_NAME - tail.length)}${tail}`;
  };

  const say = (
    involvedObject: Event['involvedObject'],
    type: EventType,
    reason: string,
    message: string,
  ): void => {
    const time = rfc3339(clock.now());
    const name = nameFor(involvedObject.name ?? '');
    const event = correlate({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name,
        namespace: involvedObject.namespace ?? 'default',
        creationTimestamp: null as unknown as string,
      },
      involvedObject,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      source: { component: 'kubelet', host: nodeName },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      eventTime: null as unknown as string,
      reportingComponent: 'kubelet',
      reportingInstance: nodeName,
    });
    if (event === undefined) return;
    if (underWay >= MAX_UNDER_WAY) {
      log.warn({ reason, object: involvedObject.name }, 'event dropped, too many wait for the store');
      return;
    }
    underWay += 1;
    report(event)
      .catch((error) => {
        log.warn({ reason, object: involvedObject.name, err: errorText(error) }, 'event could not be kept');
      })
      .finally(() => {
        underWay -= 1;
      });
  };

  return {
    pod(pod, type, reason, message, container) {
      const { name, namespace, uid } = identityOf(pod);
      const { resourceVersion } = pod.metadata;
      const object = {
        kind: 'Pod',
        namespace,
        name,
        uid,
        apiVersion: 'v1',
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(container === undefined ? {} : { fieldPath: fieldPathOf(pod, container) }),
      };
      say(object, type, reason, message);
    },
    node(type, reason, message) {
      // The kubelet puts the name where the uid belongs; `kubectl describe node` looks for both.
      say({ kind: 'Node', name: nodeName, uid: nodeName }, type, reason, message);
    },
  };
}

function fieldPathOf({ spec }: Pod, container: string): string {
  const kinds = ['containers', 'initContainers', 'ephemeralContainers'] as const;
  const kind = kinds.find((list) => spec?.[list]?.some(({ name }) => name === container)) ?? 'containers';
  return `spec.${kind}{${container}}`;
}
