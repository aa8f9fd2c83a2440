import { type Event, events, type KubeObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isNotFound } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { ControllerPorts } from './context.ts';

/** Tells people, through `Event` objects, what was done to an object and why. */
export interface EventRecorder {
  /** Does not wait and does not fail; the same event again raises its count. */
  record(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
}

const MAX_REMEMBERED = 1000;
const MAX_PENDING = 1000;

export function createEventRecorder(component: string, ports: ControllerPorts): EventRecorder {
  const { client, clock, random, log } = ports;
  const remembered = new Map<string, { event: Event; count: number }>();
  let tail = Promise.resolve();
  let pending = 0;

  const write = async (object: KubeObject, type: string, reason: string, message: string): Promise<void> => {
    const now = rfc3339(clock.now());
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const identity = JSON.stringify([object.kind, uid, type, reason, message]);
    const known = remembered.get(identity);
    if (known !== undefined) {
      known.count += 1;
      const { namespace: where, name: which } = known.event.metadata;
      const body = { count: known.count, lastTimestamp: now };
      try {
        await client.patch(events, { namespace: where, name: which }, { type: 'merge', body });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const event: Event = {
      metadata: {
        name: `${name}.${random.uuid().replaceAll('-', '').slice(0, 16)}`,
        namespace: namespace ?? 'default',
      },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        namespace,
        name,
        uid,
        resourceVersion,
      },
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    await client.create(events, event);
    remembered.set(identity, { event, count: 1 });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) break;
      remembered.delete(oldest);
    }
  };

  return {
    record(object, type, reason, message) {
      if (pending >= MAX_PENDING) {
        log.warn({ reason, object: object.metadata.name }, 'too many events pending, event not recorded');
        return;
      }
      pending += 1;
      tail = tail
        .then(() => write(object, type, reason, message))
        .catch((error: unknown) => log.warn({ reason, err: errorText(error) }, 'event not recorded'))
        .finally(() => {
          pending -= 1;
        });
    },
    flush: () => tail,
  };
}
