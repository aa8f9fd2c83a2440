import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CREATED_AS_ANNOTATION, type Device, deviceModels, deviceStatuses, devices } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { settle } from '../controllers/testing/settle.ts';
import {
  actual,
  aDevice,
  aModel,
  deviceWorld,
  NODE,
  put,
  stateReport,
  twinReport,
} from './testing/device-world.ts';

const memberships = (world: {
  downstream: { posted: readonly { message: { route: { resource?: string }; content: unknown } }[] };
}) =>
  world.downstream.posted
    .filter(({ message }) => message.route.resource === 'membership')
    .map(({ message }) => {
      const { added_devices, removed_devices } = message.content as {
        added_devices: { id: string }[] | null;
        removed_devices: { id: string }[] | null;
      };
      const ids = (list: { id: string }[] | null) => list?.map(({ id }) => id);
      return { added: ids(added_devices), removed: ids(removed_devices) };
    });

test('a node must have its devices and the models they use; membership is told before the device is named', async (t) => {
  const world = await deviceWorld(t, {
    objects: [
      aModel('boiler-model'),
      aModel('unused'),
      aDevice('boiler', { deviceModelRef: { name: 'boiler-model' } }),
      aDevice('elsewhere', { nodeName: 'edge-8' }),
      aDevice('unbound', { nodeName: '' }),
    ],
  });
  assert.deepEqual(world.downstream.names(NODE), ['device/plant/boiler', 'devicemodel/plant/boiler-model']);
  assert.deepEqual(world.downstream.settledSources, ['devicecontroller']);
  const device = world.downstream.object(NODE, 'device/plant/boiler');
  const model = world.downstream.object(NODE, 'devicemodel/plant/boiler-model');
  assert.ok(model.rank < device.rank);
  assert.equal(device.firstOperation, 'insert');
  assert.equal(device.source, 'devicecontroller');
  assert.equal(device.apiVersion, 'devices.kubeedge.io/v1beta1');
  assert.equal(device.content()?.kind, 'Device');
  assert.deepEqual(memberships(world), [{ added: ['plant/boiler'], removed: undefined }]);
});

test('a desired value changed in the Device is new for the edge; a status written by us is not', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  const before = world.downstream.object(NODE, 'device/plant/boiler');
  world.kube.put(devices, { ...world.device(), status: { twins: [] } } as Device);
  await settle();
  const noted = world.downstream.object(NODE, 'device/plant/boiler');
  assert.equal(noted.hash, before.hash);
  assert.notEqual(noted.resourceVersion, before.resourceVersion);
  world.kube.put(devices, {
    ...world.device(),
    spec: { ...world.device().spec, properties: [{ name: 'pressure', desired: { value: '3' } }] },
  });
  await settle();
  assert.notEqual(world.downstream.object(NODE, 'device/plant/boiler').hash, before.hash);
});

test('a device that moves leaves the old node and reaches the new one, membership included', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  world.downstream.connect('edge-8');
  world.kube.put(devices, { ...world.device(), spec: { ...world.device().spec, nodeName: 'edge-8' } });
  await settle();
  assert.deepEqual(world.downstream.names(NODE), []);
  assert.deepEqual(world.downstream.names('edge-8'), ['device/plant/boiler']);
  assert.deepEqual(memberships(world).slice(1), [
    { added: undefined, removed: ['plant/boiler'] },
    { added: ['plant/boiler'], removed: undefined },
  ]);
});

test('defaults of the model are delivered with the device, and a change of them is a change of the device', async (t) => {
  const model = aModel('m', {
    protocolConfigData: { ip: '10.0.0.9', port: 502 },
    properties: [
      { name: 'pressure', visitors: { protocolName: 'modbus', configData: { limit: 1, offset: 2 } } },
    ],
  });
  const world = await deviceWorld(t, {
    objects: [
      model,
      aDevice('boiler', {
        deviceModelRef: { name: 'm' },
        protocol: { protocolName: 'modbus', configData: { port: 503 } },
        properties: [
          { name: 'pressure', visitors: { protocolName: 'x', configData: { offset: 9 } } },
          { name: 'mode' },
        ],
      }),
    ],
  });
  const before = world.downstream.object(NODE, 'device/plant/boiler');
  assert.deepEqual((before.content() as Device).spec, {
    nodeName: NODE,
    deviceModelRef: { name: 'm' },
    protocol: { protocolName: 'modbus', configData: { ip: '10.0.0.9', port: 503 } },
    properties: [
      { name: 'pressure', visitors: { protocolName: 'modbus', configData: { limit: 1, offset: 9 } } },
      { name: 'mode' },
    ],
  });
  world.kube.put(deviceModels, { ...model, spec: { ...model.spec, protocolConfigData: { ip: '10.0.0.8' } } });
  await settle();
  const after = world.downstream.object(NODE, 'device/plant/boiler');
  assert.notEqual(after.hash, before.hash);
  assert.notEqual(after.resourceVersion, before.resourceVersion);
});

test('membership is told once per device while this process lives, not at every connect', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')], connected: false });
  assert.deepEqual(memberships(world), []);
  world.downstream.connect(NODE);
  world.controller.lifecycle.connected(NODE);
  assert.deepEqual(memberships(world), [{ added: ['plant/boiler'], removed: undefined }]);
  await world.clock.advance(120_000);
  world.controller.lifecycle.disconnected(NODE);
  world.controller.lifecycle.connected(NODE);
  assert.equal(memberships(world).length, 1);
});

test('membership that was posted right before the connection ended is told again', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  world.controller.lifecycle.disconnected(NODE);
  world.controller.lifecycle.connected(NODE);
  assert.equal(memberships(world).length, 2);
  world.kube.remove(devices, { namespace: 'plant', name: 'boiler' });
  await settle();
  world.controller.lifecycle.disconnected(NODE);
  world.controller.lifecycle.connected(NODE);
  assert.deepEqual(memberships(world).slice(2), [
    { added: undefined, removed: ['plant/boiler'] },
    { added: undefined, removed: ['plant/boiler'] },
  ]);
});

test('a device removed while its node is away is reported as removed at the next connect', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.clock.advance(120_000);
  world.downstream.disconnect(NODE);
  world.controller.lifecycle.disconnected(NODE);
  world.kube.remove(devices, { namespace: 'plant', name: 'boiler' });
  await settle();
  assert.equal(memberships(world).length, 1);
  world.downstream.connect(NODE);
  world.controller.lifecycle.connected(NODE);
  assert.deepEqual(memberships(world)[1], { added: undefined, removed: ['plant/boiler'] });
});

test('every bound device gets a DeviceStatus it owns, again when someone deletes it', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler'), aDevice('unbound', { nodeName: '' })] });
  const expected = {
    apiVersion: 'devices.kubeedge.io/v1beta1',
    kind: 'Device',
    name: 'boiler',
    uid: 'uid-boiler',
    controller: true,
    blockOwnerDeletion: true,
  };
  assert.deepEqual(world.status()?.metadata.ownerReferences, [expected]);
  assert.equal(world.status('unbound'), undefined);
  world.kube.remove(deviceStatuses, { namespace: 'plant', name: 'boiler' });
  await world.clock.advance(2_000);
  assert.deepEqual(world.status()?.metadata.ownerReferences, [expected]);
});

test('a DeviceStatus left over from an earlier device of the same name is replaced, its values with it', async (t) => {
  const world = await deviceWorld(t, {
    objects: [aDevice('boiler')],
    statuses: [
      {
        kind: 'DeviceStatus',
        metadata: {
          name: 'boiler',
          namespace: 'plant',
          uid: 'old-status',
          ownerReferences: [
            { apiVersion: 'devices.kubeedge.io/v1beta1', kind: 'Device', name: 'boiler', uid: 'old' },
          ],
        },
        status: { twins: [{ propertyName: 'mode', reported: { value: 'old' } }] },
      },
    ],
  });
  await world.send(twinReport({ pressure: actual('2.4', 5) }));
  assert.equal(world.status()?.metadata.ownerReferences?.[0]?.uid, 'uid-boiler');
  assert.deepEqual(
    world.status()?.status?.twins?.map(({ propertyName }) => propertyName),
    ['pressure'],
  );
});

test('the first reported value is stored at once, with its time as text, and then confirmed', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  const report = twinReport({
    pressure: { ...actual('2.4', 1_772_600_767_005), expected: { value: '2.5', metadata: { timestamp: 7 } } },
  });
  await world.send(report);
  assert.deepEqual(world.status()?.status?.twins, [
    {
      propertyName: 'pressure',
      observedDesired: { value: '2.5', metadata: { timestamp: '7', type: 'float' } },
      reported: { value: '2.4', metadata: { timestamp: '1772600767005', type: 'float' } },
    },
  ]);
  const answer = world.downstream.answerTo(report);
  assert.deepEqual(answer?.route, {
    source: 'devicecontroller',
    group: 'twin',
    operation: 'response',
    resource: 'twin',
  });
  assert.equal(answer?.content, 'OK');
});

test('values and state do not overwrite each other, and unreported properties keep theirs', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.send(twinReport({ pressure: actual('2.4', 5) }));
  await world.send(stateReport({ name: 'boiler', state: 'online', lastOnlineTime: '2026-03-04T05:06:07Z' }));
  await world.send(twinReport({ mode: actual('auto', 6) }));
  await world.clock.advance(5_000);
  await world.send(stateReport({ name: 'boiler', state: 'unhealthy' }));
  await world.clock.advance(5_000);
  const { twins, ...state } = world.status()?.status ?? {};
  assert.deepEqual(state, { state: 'unhealthy', lastOnlineTime: '2026-03-04T05:06:07Z' });
  assert.deepEqual(
    twins?.map(({ propertyName, reported }) => [propertyName, reported?.value]),
    [
      ['pressure', '2.4'],
      ['mode', 'auto'],
    ],
  );
});

test('a thousand values in ten seconds are about ten writes; the last one arrives and all are confirmed', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.clock.advance(2_000);
  const before = world.writes('devicestatuses');
  const reports = Array.from({ length: 1_000 }, (_, n) => twinReport({ pressure: actual(String(n), n + 1) }));
  for (const [n, report] of reports.entries()) {
    await world.controller.upstream.receive(NODE, report);
    if (n % 100 === 99) await world.clock.advance(1_000);
  }
  await world.clock.advance(2_000);
  const writes = world.writes('devicestatuses') - before;
  assert.ok(writes >= 10 && writes <= 12, `${writes} writes`);
  assert.equal(world.status()?.status?.twins?.[0]?.reported?.value, '999');
  assert.ok(reports.every(world.confirmed));
});

test('many devices share the budget of their node, and none is forgotten', async (t) => {
  const names = Array.from({ length: 40 }, (_, n) => `d${n}`);
  const world = await deviceWorld(t, {
    objects: names.map((name) => aDevice(name)),
    options: { writesPerNode: { perSecond: 5, burst: 5 }, writes: { perSecond: 1_000, burst: 1_000 } },
  });
  await world.clock.advance(10_000);
  const before = world.writes('devicestatuses');
  for (const name of names) {
    await world.controller.upstream.receive(NODE, twinReport({ pressure: actual('1', 5) }, `plant/${name}`));
  }
  await world.clock.advance(3_000);
  const first = world.writes('devicestatuses') - before;
  assert.ok(first <= 21, `${first} writes in 3 s`);
  await world.clock.advance(10_000);
  for (const name of names) assert.equal(world.status(name)?.status?.twins?.[0]?.reported?.value, '1', name);
});

test('a report is not confirmed before it is stored; the API being away delays it and loses nothing', async (t) => {
  const world = await deviceWorld(t, {
    objects: [aDevice('boiler')],
    wrap: (kube, clock) =>
      withFaults(
        kube,
        faultRules([{ verb: 'patch', resource: 'devicestatuses', times: 3, fault: { kind: 'unreachable' } }]),
        clock,
      ),
  });
  await world.clock.advance(2_000);
  const first = twinReport({ pressure: actual('1', 1) });
  const second = twinReport({ mode: actual('auto', 2) });
  await world.send(first);
  assert.ok(!world.confirmed(first));
  await world.send(second);
  await world.clock.advance(60_000);
  assert.ok(world.confirmed(first) && world.confirmed(second));
  assert.deepEqual(
    world.status()?.status?.twins?.map(({ reported }) => reported?.value),
    ['1', 'auto'],
  );
});

test('a write of someone else in between costs a second try and neither of the values', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.clock.advance(2_000);
  const status = world.status()!;
  // The watch has not shown this version when the report comes.
  world.kube.put(deviceStatuses, {
    ...status,
    status: { twins: [{ propertyName: 'mode', reported: { value: 'manual' } }], extensions: { by: 'other' } },
  });
  await world.send(twinReport({ pressure: actual('2', 5) }));
  await world.clock.advance(2_000);
  assert.deepEqual(
    world.status()?.status?.twins?.map(({ propertyName, reported }) => [propertyName, reported?.value]),
    [
      ['pressure', '2'],
      ['mode', 'manual'],
    ],
  );
  assert.deepEqual(world.status()?.status?.extensions, { by: 'other' });
});

test('an old report sent again does not replace a newer one', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  const old = twinReport({ pressure: actual('old', 1_000, 1) });
  await world.send(twinReport({ pressure: actual('new', 2_000, 2) }));
  await world.send(old);
  await world.clock.advance(5_000);
  assert.equal(world.status()?.status?.twins?.[0]?.reported?.value, 'new');
  assert.ok(world.confirmed(old));
});

test('twins of properties the device no longer has are dropped with the next write', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.send(twinReport({ pressure: actual('1', 1), mode: actual('a', 1), unknown: actual('x', 1) }));
  world.kube.put(devices, { ...world.device(), spec: { nodeName: NODE, properties: [{ name: 'mode' }] } });
  await world.clock.advance(2_000);
  await world.send(twinReport({ mode: actual('b', 2) }));
  await world.clock.advance(2_000);
  assert.deepEqual(
    world.status()?.status?.twins?.map(({ propertyName }) => propertyName),
    ['mode'],
  );
});

test('a node cannot report a device of another node, nor create one by reporting it', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler', { nodeName: 'edge-8' })] });
  await world.clock.advance(2_000);
  const before = world.writes('devicestatuses');
  const foreign = twinReport({ pressure: actual('666', 5) });
  await world.send(foreign);
  await world.send(stateReport({ state: 'online' }));
  assert.equal(world.writes('devicestatuses'), before);
  assert.ok(!world.confirmed(foreign));
  const gone = twinReport({ pressure: actual('1', 1) }, 'plant/gone');
  await world.send(gone);
  assert.ok(world.confirmed(gone), 'a report of a device that is gone need not be sent again');
});

test('the 1.9 form of a device id is found among the devices of the node, unless two share the name', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  await world.send(twinReport({ pressure: actual('1', 1) }, 'boiler'));
  assert.equal(world.status()?.status?.twins?.[0]?.reported?.value, '1');
  put(world.kube, aDevice('boiler', {}, { metadata: { name: 'boiler', namespace: 'other', uid: 'uid-2' } }));
  await settle();
  const ambiguous = twinReport({ pressure: actual('2', 2) }, 'boiler');
  await world.send(ambiguous);
  assert.ok(!world.confirmed(ambiguous));
});

test('a device created in an older version shows its reported values in status.twins, also after a manifest reset them', async (t) => {
  const empty = { value: '', metadata: { type: 'string' } };
  const twins = [
    { propertyName: 'pressure', reported: empty },
    { propertyName: 'mode', reported: empty },
  ];
  const annotations = { [CREATED_AS_ANNOTATION]: 'v1alpha2' };
  const world = await deviceWorld(t, {
    objects: [
      aDevice('boiler', {}, { metadata: { name: 'boiler', annotations }, status: { twins } }),
      aDevice('plain'),
    ],
  });
  await world.send(twinReport({ pressure: actual('2.4', 5) }));
  await world.send(twinReport({ pressure: actual('2.4', 5) }, 'plant/plain'));
  await world.clock.advance(2_000);
  const reported = { value: '2.4', metadata: { timestamp: '5', type: 'float' } };
  assert.deepEqual(world.device().status?.['twins'], [{ propertyName: 'pressure', reported }, twins[1]]);
  assert.equal(world.device('plain').status, undefined);
  world.kube.put(devices, { ...world.device(), status: { twins } });
  await settle();
  await world.clock.advance(3_000);
  assert.deepEqual(world.device().status?.['twins'], [{ propertyName: 'pressure', reported }, twins[1]]);
});

test('garbage in a report is refused and hurts nothing after it', async (t) => {
  const world = await deviceWorld(t, { objects: [aDevice('boiler')] });
  const garbage = [
    ...[
      '',
      'null',
      '[]',
      '{',
      '{"device":null}',
      '{"device":{"state":5}}',
      '{"device":{"__proto__":{}}}',
    ].map((text) => stateReport(text)),
    twinReport({ pressure: null }),
    twinReport({ pressure: { actual: null } as never }),
    twinReport({ pressure: { actual: { value: 5 as never, metadata: { timestamp: 'x' as never } } } }),
    twinReport(JSON.parse('{"__proto__x":{"actual":{"value":"1"}}, "constructor":{"actual":{"value":"1"}}}')),
  ];
  for (const message of garbage) await world.send(message);
  await world.clock.advance(3_000);
  await world.send(twinReport({ pressure: actual('2', 9) }));
  await world.clock.advance(3_000);
  assert.equal(world.status()?.status?.twins?.[0]?.reported?.value, '2');
});
