import type { Mutation } from './mutation.ts';

const META = 'apps/edgecore/src/metamanager';
const TWIN = 'apps/edgecore/src/devicetwin';
const POD = 'apps/edgecore/src/edged/pod';
const DECIDE = [`${POD}/decide.test.ts`, `${POD}/decide.ends.test.ts`, `${POD}/decide.property.test.ts`];

/** What edgecore promises towards the cloud, the devices and the pods. */
export const edgeMutations: readonly Mutation[] = [
  {
    breaks: 'an object is acknowledged only when it is stored (M8)',
    file: `${META}/downstream.ts`,
    from: '      await store.write(statements);',
    to: '      void store.write(statements).catch(() => {});',
    tests: [`${META}/downstream.test.ts`],
  },
  {
    breaks: 'what the store reports as durable is committed',
    file: 'packages/store/src/database.ts',
    from: `db.exec('COMMIT');`,
    to: `db.exec('ROLLBACK');`,
    tests: ['packages/store/src/database.test.ts'],
  },
  {
    breaks: 'one failing call undoes no other of its group',
    file: 'packages/store/src/database.ts',
    from: `if (needsSavepoint) db.exec('ROLLBACK TO call; RELEASE call');`,
    to: `if (needsSavepoint) db.exec('RELEASE call');`,
    tests: ['packages/store/src/database.test.ts'],
  },
  {
    breaks: 'the delete of an older pod leaves its successor of the same name alone',
    file: `${META}/meta-rows.ts`,
    from: '{JSON_UID} = ?`, params: [key, uid] },\n    // Directly',
    to: "{JSON_UID} <> '-' || ?`, params: [key, uid] },\n    // Directly",
    tests: [`${META}/downstream.test.ts`],
  },
  {
    breaks: 'an answer does not put an older object in the place of a newer one',
    file: `${META}/meta-rows.ts`,
    from: '{STORED_VERSION} <= ?`,\n    params: [key, parse',
    to: '{STORED_VERSION} <= ? + 9e15`,\n    params: [key, parse',
    tests: [`${META}/client.test.ts`],
  },
  {
    breaks: 'the inventory tells of every row that changed',
    file: `${META}/inventory.ts`,
    from: `trigger('insert', 'AFTER INSERT', 'key = NEW.key'),`,
    to: `trigger('insert', 'AFTER INSERT', 'key = NULL'),`,
    tests: [`${META}/inventory.test.ts`],
  },
  {
    breaks: 'a report stays in the outbox until the cloud has taken it (M1)',
    file: `${META}/outbox-sender.ts`,
    from: '      try {\n        const { content } = await remote.ask({\n          operation: OPERATIONS.patch,',
    to:
      '      await store.write(rowsOf(entry));\n' +
      '      try {\n        const { content } = await remote.ask({\n          operation: OPERATIONS.patch,',
    tests: [`${META}/outbox.test.ts`],
  },
  {
    breaks: 'a report that became newer while it was sent is sent again',
    file: `${META}/outbox-sender.ts`,
    from: '    entry.lastPatch = patch;\n    if (entry.statusSeq === seq) entry.statusSeq = 0;',
    to: '    entry.lastPatch = patch;\n    entry.statusSeq = 0;',
    tests: [`${META}/outbox.test.ts`],
  },
  {
    breaks: 'a report is repeated after a failure',
    file: `${META}/outbox.ts`,
    from: 'entry.cancelWait = stopped ? () => {} : clock.after(entry.backoff.next(), () => wake(entry));',
    to: 'entry.cancelWait = () => {};',
    tests: [`${META}/outbox.test.ts`],
  },
  {
    breaks: 'the deletion of a pod names its UID',
    file: `${META}/outbox-sender.ts`,
    from: 'preconditions: { uid: entry.uid }',
    to: 'preconditions: {}',
    tests: [`${META}/outbox.test.ts`],
  },
  {
    breaks: 'an expired token serves while the cloud is away (A2)',
    file: `${META}/tokens.ts`,
    from: '        if (have === undefined) throw error;',
    to: '        if (have === undefined || expiryOf(have) <= clock.now()) throw error;',
    tests: [`${META}/tokens.test.ts`],
  },
  {
    breaks: 'nothing of a device is published before it is stored',
    file: `${TWIN}/work-loop.ts`,
    from: '      const statements = batch.statements();\n',
    to: '      batch.finish(publish);\n      const statements = batch.statements();\n',
    tests: [`${TWIN}/devicetwin.test.ts`],
  },
  {
    breaks: 'an older version of a twin does not replace a newer one (D2)',
    file: `${TWIN}/twin-machine.ts`,
    from: 'if (given === undefined || cloud > given.cloud || edge > given.edge) return undefined;',
    to: 'if (given === undefined) return undefined;',
    tests: [`${TWIN}/twin-machine.test.ts`],
  },
  {
    breaks: 'a value of the wrong type is refused',
    file: `${TWIN}/twin-machine.ts`,
    from: `const problem = side === 'actual' || stored.expected !== undefined ? typeProblem(type, value) : undefined;`,
    to: 'const problem = undefined as string | undefined;',
    tests: [`${TWIN}/twin-machine.test.ts`],
  },
  {
    breaks: 'what a device reported while the cloud was away is reported afterwards',
    file: `${TWIN}/reports.ts`,
    from: 'lane.dirty = lane.dirty === undefined ? lane.sent.content : merge(lane.sent.content, lane.dirty);',
    to: '',
    tests: [`${TWIN}/reports.test.ts`],
  },
  {
    breaks: 'a container of a pod that is not restarted stays ended',
    file: `${POD}/judge.ts`,
    from: `if (!restartsAfter(state, role, run)) return { is: 'done' };`,
    to: '',
    tests: DECIDE,
  },
  {
    breaks: 'a crashing container waits longer each time',
    file: `${POD}/judge.ts`,
    from: `  if (allowedAt > now) return { is: 'pending', waitUntil: allowedAt };\n`,
    to: '',
    tests: DECIDE,
  },
  {
    breaks: 'a deleted pod ends',
    file: `${POD}/decide.ts`,
    from: 'return gone || pod.metadata.deletionTimestamp !== undefined || ordered;',
    to: 'return gone || ordered;',
    tests: DECIDE,
  },
  {
    breaks: 'containers stop before their sandbox',
    file: `${POD}/end-pod.ts`,
    from: '  if (stopping.length > 0) {\n    return [{ do:',
    to: '  if (stopping.length > 99) {\n    return [{ do:',
    tests: DECIDE,
  },
  {
    breaks: 'a delete names a pod by its UID',
    file: 'apps/edgecore/src/edged/pod-set.ts',
    from: `if (uid !== '') return metadata.uid === uid;`,
    to: '',
    tests: ['apps/edgecore/src/edged/pod-life.test.ts'],
  },
  {
    breaks: 'heartbeats go before everything else (A9)',
    file: 'apps/edgecore/src/edgehub/send-queue.ts',
    from: 'if (NODE_TYPES.has(type)) return 0;',
    to: 'if (NODE_TYPES.has(type)) return 3;',
    tests: ['apps/edgecore/src/edgehub/send-queue.test.ts'],
  },
  {
    breaks: 'what was not written is given back to its sender',
    file: 'apps/edgecore/src/edgehub/edge-hub.ts',
    from: `for (const message of queue.drain()) unsent(message, 'the connection ended');`,
    to: 'queue.drain();',
    tests: ['apps/edgecore/src/edgehub/edge-hub.test.ts'],
  },
  {
    breaks: 'a peer that does not read gives no proof of receipt',
    file: 'packages/viaduct/src/websocket/pings.ts',
    from: 'if (candidate > number) break;',
    to: '',
    tests: ['packages/viaduct/src/websocket/parts.test.ts'],
  },
  {
    breaks: 'a dial that fails is tried again within a second, then less often (A8)',
    file: 'packages/viaduct/src/reconnect.ts',
    from: 'backoff.next()',
    to: '30_000',
    tests: ['packages/viaduct/src/reconnect.test.ts'],
  },
];
