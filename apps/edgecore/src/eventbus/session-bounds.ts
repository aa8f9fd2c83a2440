import { deviceErrors } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';

/** The part of the embedded broker's memory that needs bounds: what it keeps for clients that are away. */
export interface SessionMemory {
  storeRetained(packet: Packet): Promise<void>;
  outgoingEnqueue(subscription: Owner, packet: Packet): Promise<void>;
  outgoingEnqueueCombi(subscriptions: readonly Owner[], packet: Packet): Promise<void>;
  outgoingClearMessageId(client: { readonly id: string }, packet: Packet): Promise<Packet | undefined>;
}
interface Owner {
  readonly clientId: string;
}
interface Packet {
  readonly topic?: string;
  readonly payload?: { readonly length: number };
}

/** Topics with a retained message, and bytes of all of them. */
const MAX_RETAINED = 4096;
const MAX_RETAINED_BYTES = 8_388_608;
/** Clients whose session outlives their connection. */
const MAX_SESSIONS = 256;

/**
 * Decides whether a client gets a session that outlives its connection: `clean` as the client asked, or true when
 * enough others have one.
 */
export function createSessionLimit(): (clientId: string, clean: boolean) => boolean {
  const kept = new Set<string>();
  return (clientId, clean) => {
    if (clean) kept.delete(clientId);
    else if (kept.has(clientId) || kept.size < MAX_SESSIONS) kept.add(clientId);
    return !kept.has(clientId);
  };
}

/**
 * Bounds the broker's memory in place: a session keeps at most `queueSize` messages (`mqttSessionQueueSize`), further
 * ones are dropped with a warning; retained messages beyond the bound are refused.
 */
export function boundSessions(memory: SessionMemory, queueSize: number, log: Logger): void {
  const queued = new Map<string, number>();
  const retained = new Map<string, number>();
  let retainedBytes = 0;
  const original = {
    storeRetained: memory.storeRetained.bind(memory),
    outgoingEnqueue: memory.outgoingEnqueue.bind(memory),
    outgoingEnqueueCombi: memory.outgoingEnqueueCombi.bind(memory),
    outgoingClearMessageId: memory.outgoingClearMessageId.bind(memory),
  };

  const admit = ({ clientId }: Owner): boolean => {
    const count = queued.get(clientId) ?? 0;
    if (count >= queueSize) {
      if (count === queueSize)
        log.warn({ client: clientId, queueSize }, 'session queue is full, messages are dropped');
      queued.set(clientId, queueSize + 1);
      return false;
    }
    queued.set(clientId, count + 1);
    return true;
  };

  memory.outgoingEnqueue = async (subscription, packet) => {
    if (admit(subscription)) await original.outgoingEnqueue(subscription, packet);
  };
  memory.outgoingEnqueueCombi = async (subscriptions, packet) => {
    const admitted = subscriptions.filter(admit);
    if (admitted.length > 0) await original.outgoingEnqueueCombi(admitted, packet);
  };
  memory.outgoingClearMessageId = async (client, packet) => {
    const cleared = await original.outgoingClearMessageId(client, packet);
    if (cleared === undefined) return cleared;
    const count = Math.min(queued.get(client.id) ?? 0, queueSize) - 1;
    if (count > 0) queued.set(client.id, count);
    else queued.delete(client.id);
    return cleared;
  };
  memory.storeRetained = async (packet) => {
    const topic = packet.topic ?? '';
    const size = packet.payload?.length ?? 0;
    const before = retained.get(topic);
    const bytes = retainedBytes - (before ?? 0) + size;
    if (size > 0 && ((before === undefined && retained.size >= MAX_RETAINED) || bytes > MAX_RETAINED_BYTES)) {
      throw deviceErrors.create('EVENTBUS_RETAINED_FULL', { topic, count: retained.size });
    }
    if (size > 0) retained.set(topic, size);
    else retained.delete(topic);
    retainedBytes = bytes;
    await original.storeRetained(packet);
  };
}
