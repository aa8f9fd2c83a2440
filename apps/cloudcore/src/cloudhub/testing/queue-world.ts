import assert from 'node:assert/strict';
import { createNodeQueue } from '../node-queue.ts';
import {
  NOTHING_CONFIRMED,
  type NodeQueue,
  type QueueCommand,
  type QueueEvent,
  type SendCommand,
  type SyncRecord,
} from '../node-queue-types.ts';
import { keyOf, type ObjectIdentity } from '../object-kind.ts';
import { createModelEdge } from './model-edge.ts';
import { type ApiObject, downstreamObject, NAMES, VALUES } from './world-objects.ts';

/**
 * A small world around one node queue: an API server, controllers whose caches lag, a cloudcore that may crash between
 * any two steps and then knows only what the API server has, a link that breaks anywhere, and an edge that stores by
 * key, deletes by key (pods by key and uid), acks after storing, and may drop what its buffer cannot hold.
 */
export const ACTIONS = [
  'run',
  'run',
  'run',
  'run',
  'write',
  'touch',
  'remodel',
  'remove',
  'recreate',
  'reference',
  'reference',
  'controller',
  'controller',
  'connect',
  'disconnect',
  'edge',
  'edge',
  'ack',
  'ack',
  'overflow',
  'api',
  'api',
  'result',
  'result',
  'lazy',
  'quiet',
  'timer',
  'reconcile',
  'crash',
  'wipe',
  'backup',
  'restore',
  'tamper',
] as const;

export interface Step {
  readonly action: (typeof ACTIONS)[number];
  /** Chooses among the possibilities of the action. */
  readonly pick: number;
}

interface Place {
  readonly pick: number;
  readonly type: string;
  readonly key: string;
  readonly value: string;
}

export function createWorld(options: { readonly edge: 'upstream' | 'ours'; readonly window: number }) {
  let counter = 0;
  // API server
  const objects = new Map<string, ApiObject>();
  const unreferenced = new Set<string>();
  const records = new Map<string, SyncRecord>();
  // controllers: keys to look at, and what they asked for last
  let looks: (string | 'settled')[] = [];
  let asked = new Map<string, ApiObject>();
  // cloudcore
  let queue: NodeQueue;
  let recordsKnown: boolean;
  let calls: QueueCommand[] = [];
  let results: QueueEvent[] = [];
  let lazy = new Map<string, Extract<QueueCommand, { type: 'advance-record' }>>();
  let timer = false;
  let flying = new Map<string, SendCommand>();
  let sends = 0;
  const edge = createModelEdge();
  let connected = false;

  const isWanted = (key: string): boolean => objects.has(key) && !unreferenced.has(key);

  const run = (event: QueueEvent): void => {
    for (const command of queue.handle(event)) carryOut(command);
  };

  const carryOut = (command: QueueCommand): void => {
    switch (command.type) {
      case 'send':
        checkSend(command);
        sends += 1;
        flying.set(command.id, command);
        edge.send(command);
        return;
      case 'ask-inventory':
        edge.send(command);
        return;
      case 'advance-record':
        lazy.set(command.uid, command);
        return;
      case 'create-record':
      case 'reset-record':
      case 'seal-record':
      case 'delete-record':
        assert.ok(connected, 'records are written by the owner of the connection only');
        calls.push(command);
        return;
      case 'set-timer':
        timer = true;
        return;
      case 'clear-timer':
        timer = false;
        return;
    }
  };

  const checkSend = (command: SendCommand): void => {
    assert.ok(connected, 'nothing is sent without a connection');
    const key = keyOf(command.object);
    const { uid } = command.object;
    const restored = options.edge === 'ours' && command.operation === 'delete';
    assert.ok(records.has(uid) || restored, 'the record exists before anything is sent');
    for (const other of flying.values()) {
      if (other.id === command.id) continue;
      assert.notEqual(keyOf(other.object), key, 'never two messages of one key in flight');
    }
    if (command.operation === 'delete') return;
    if (options.edge === 'ours') {
      const there = edge.rows.get(key)?.uid ?? uid;
      assert.equal(there, uid, 'whatever else lies under the key is deleted first');
    }
    for (const record of records.values()) {
      if (keyOf(record) !== key || record.uid === command.object.uid) continue;
      assert.notEqual(
        edge.rows.get(key)?.uid,
        record.uid,
        'the old UID is deleted before the new one is sent',
      );
    }
  };

  const callApi = (call: QueueCommand): void => {
    switch (call.type) {
      case 'create-record': {
        const { uid } = call.object;
        const found = records.get(uid);
        if (found === undefined) {
          const { type, namespace, name, apiVersion, kind } = call.object;
          const about = { uid, type, namespace, name, apiVersion, kind };
          records.set(uid, {
            ...about,
            version: NOTHING_CONFIRMED,
            hash: undefined,
            cluster: 'c1',
            store: call.store,
          });
        }
        results.push({ type: 'record-created', uid, found });
        return;
      }
      case 'reset-record': {
        const record = records.get(call.uid);
        lazy.delete(call.uid);
        if (record !== undefined) {
          records.set(call.uid, { ...record, version: NOTHING_CONFIRMED, hash: undefined });
        }
        results.push({ type: record === undefined ? 'record-gone' : 'record-reset', uid: call.uid });
        return;
      }
      case 'seal-record': {
        const record = records.get(call.uid);
        const sealed = record?.version === call.version;
        if (record !== undefined && sealed) records.set(call.uid, { ...record, hash: call.hash });
        results.push({ type: 'record-sealed', uid: call.uid, sealed });
        return;
      }
      case 'delete-record':
        lazy.delete(call.uid);
        records.delete(call.uid);
        results.push({ type: 'record-gone', uid: call.uid });
    }
  };

  const look = (pick: number): void => {
    const key = looks.shift();
    if (key === undefined) return;
    if (key === 'settled') {
      run({ type: 'settled', source: 'edgecontroller' });
      run({ type: 'settled', source: 'devicecontroller' });
      return;
    }
    const before = asked.get(key);
    const object = isWanted(key) ? objects.get(key) : undefined;
    const unwant = before !== undefined && before.uid !== object?.uid;
    const same = before?.version === object?.version && before?.value === object?.value;
    if (object === undefined) asked.delete(key);
    else asked.set(key, object);
    // Whether the end of the old object or the new one is seen first is up to chance.
    if (unwant && pick % 2 === 0) run({ type: 'unwant', uid: before.uid });
    if (object !== undefined && !same)
      run({ type: 'want', object: downstreamObject(key, object, () => objects.get(key)) });
    if (unwant && pick % 2 === 1) run({ type: 'unwant', uid: before.uid });
  };

  const change = (key: string, make: (now: ApiObject | undefined) => ApiObject | undefined): void => {
    const next = make(objects.get(key));
    if (next === undefined) objects.delete(key);
    else objects.set(key, next);
    looks.push(key);
  };
  const born = (value: string): ApiObject => {
    const birth = ++counter;
    return { uid: `u${birth}`, birth, version: birth, value };
  };

  const ackStep = (): void => {
    const answer = edge.nextAnswer();
    if (answer === undefined) return;
    const { id, inventory } = answer;
    flying.delete(id);
    run(inventory === undefined ? { type: 'acked', id } : { type: 'inventory', id, inventory });
  };

  const connect = (): void => {
    if (connected) return;
    connected = true;
    const known = recordsKnown ? undefined : [...records.values()];
    recordsKnown = true;
    run({
      type: 'connected',
      records: known,
      ...(options.edge === 'ours' ? { store: edge.store, inventory: true } : {}),
    });
  };

  const cut = (): void => {
    connected = false;
    edge.disconnect();
    flying = new Map();
  };
  const disconnect = (): void => {
    if (!connected) return;
    cut();
    run({ type: 'disconnected' });
  };

  const boot = (): void => {
    queue = createNodeQueue({ cluster: 'c1', uuid: () => `m${++counter}`, window: options.window });
    recordsKnown = false;
    calls = [];
    results = [];
    lazy = new Map();
    timer = false;
    asked = new Map();
    looks = [...objects.keys(), 'settled'];
  };
  boot();

  const writeLazily = (uid: string | undefined): void => {
    const command = uid === undefined ? undefined : lazy.get(uid);
    if (uid === undefined || command === undefined) return;
    lazy.delete(uid);
    const record = records.get(uid);
    if (record === undefined) return;
    records.set(uid, { ...record, version: command.version, hash: undefined, store: command.store });
  };

  const fireTimer = (): void => {
    if (!timer) return;
    timer = false;
    run({ type: 'timer' });
  };

  const damage = (what: () => void): void => {
    if (options.edge === 'upstream') return;
    disconnect();
    what();
  };

  const at = <T>(list: readonly T[], pick: number): T | undefined => list[pick % Math.max(1, list.length)];

  const actions: Readonly<Record<Step['action'], (at: Place) => void>> = {
    // Without it the deep states (confirmed, noted, sealed) would hardly ever be reached.
    run: ({ pick }) => {
      connect();
      for (let round = 0; round < pick % 40; round++) proceed(round);
    },
    write: ({ key, value }) =>
      change(key, (now) => (now ? { ...now, version: ++counter, value } : born(value))),
    touch: ({ key }) => change(key, (now) => now && { ...now, version: ++counter }),
    // A device is merged with its model: its content changes while its own version does not.
    remodel: ({ type, key, value }) => {
      if (type === 'device') change(key, (now) => now && { ...now, value });
    },
    remove: ({ key }) => change(key, () => undefined),
    recreate: ({ key, value }) => change(key, () => born(value)),
    reference: ({ type, key }) => {
      if (type === 'pod') return;
      if (!unreferenced.delete(key)) unreferenced.add(key);
      looks.push(key);
    },
    controller: ({ pick }) => look(pick),
    connect,
    disconnect,
    edge: edge.proceed,
    ack: ackStep,
    overflow: edge.overflow,
    api: ({ pick }) => {
      const [call] = calls.splice(pick % Math.max(1, calls.length), 1);
      if (call !== undefined) callApi(call);
    },
    result: ({ pick }) => {
      const [result] = results.splice(pick % Math.max(1, results.length), 1);
      if (result !== undefined) run(result);
    },
    lazy: ({ pick }) => writeLazily(at([...lazy.keys()], pick)),
    quiet: ({ pick }) => {
      const uid = at([...records.keys()], pick);
      if (uid !== undefined && !lazy.has(uid)) run({ type: 'quiet', uid });
    },
    timer: fireTimer,
    reconcile: () => run({ type: 'reconcile' }),
    crash: () => {
      cut();
      boot();
    },
    // Only an edge that tells of its store can be seen to have lost it, or to have another.
    wipe: () => damage(edge.wipe),
    backup: edge.backup,
    restore: () => damage(edge.restore),
    tamper: ({ pick }) => damage(() => edge.tamper(pick)),
  };

  const apply = ({ action, pick }: Step): void => {
    const { type, name } = NAMES[pick % NAMES.length] as Pick<ObjectIdentity, 'type' | 'name'>;
    const value = VALUES[Math.floor(pick / 7) % VALUES.length] as string;
    actions[action]({ pick, type, key: keyOf({ type, name, namespace: 'shop' }), value });
  };

  /** One thing that is due; false when there is none. */
  const proceed = (round: number): boolean => {
    if (looks.length > 0) look(round);
    else if (edge.unread > 0) edge.proceed();
    else if (edge.unacked > 0) ackStep();
    else if (results.length > 0) run(results.shift() as QueueEvent);
    else if (calls.length > 0) callApi(calls.shift() as QueueCommand);
    else if (queue.inFlight > 0 || timer) {
      assert.ok(timer, 'what is in flight has a timer');
      fireTimer();
    } else if (lazy.size > 0) writeLazily([...lazy.keys()][0]);
    else return false;
    return true;
  };

  /** Lets everything happen that is due, without further faults, until nothing is left to do. */
  const quiesce = (): void => {
    connect();
    for (let round = 0; round < 10_000; round++) if (!proceed(round)) return;
    assert.fail('does not come to rest');
  };

  return {
    apply,
    quiesce,
    /** Somebody changes the edge's database behind the back of a connected edge. */
    meddle: (pick: number) => edge.tamper(pick),
    /** Messages of objects so far. */
    get sends() {
      return sends;
    },
    edgeRows: () => Object.fromEntries([...edge.rows].sort(([a], [b]) => a.localeCompare(b))),
    wantedRows: () =>
      Object.fromEntries(
        [...objects]
          .filter(([key]) => isWanted(key))
          .map(([key, { uid, value }]) => [key, { uid, value }] as const)
          .sort(([a], [b]) => a.localeCompare(b)),
      ),
    /** Records that are missing, left over, or do not say what was confirmed. */
    recordProblems: (): string[] => {
      const problems: string[] = [];
      const wanted = new Map(
        [...objects].filter(([key]) => isWanted(key)).map(([, o]) => [o.uid, o] as const),
      );
      for (const uid of wanted.keys()) if (!records.has(uid)) problems.push(`${uid} has no record`);
      for (const record of records.values()) {
        const object = wanted.get(record.uid);
        if (object === undefined) problems.push(`${record.uid} is left over`);
        else if (record.hash !== undefined && record.hash !== object.value) {
          problems.push(`${record.uid} holds the hash of another content`);
        } else if (record.hash === undefined && record.version !== String(object.version)) {
          problems.push(`${record.uid} says ${record.version}, not ${object.version}`);
        }
      }
      return problems;
    },
  };
}
