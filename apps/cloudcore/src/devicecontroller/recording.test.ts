import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device, DeviceModel, Message } from '@kubeedge-ts/apis';
import { normalised, recordedFrames } from '../controllers/testing/recording.ts';
import { settle } from '../controllers/testing/settle.ts';
import { deviceWorld, put } from './testing/device-world.ts';

const NODE = 'edge-go';
const frames = recordedFrames();
const down = (resource: string, operation: string): Message => {
  const found = frames.find(
    ({ dir, message: { route } }) =>
      dir === 'cloud->edge' &&
      route.source === 'devicecontroller' &&
      route.resource === resource &&
      route.operation === operation,
  );
  return found?.message ?? assert.fail(`${operation} ${resource} is not in the recording`);
};
const up = (resource: string): Message =>
  frames.find(({ dir, message }) => dir === 'edge->cloud' && message.route.resource === resource)?.message ??
  assert.fail(`${resource} is not in the recording`);
const answerTo = (request: Message): Message =>
  frames.find(
    ({ dir, message }) => dir === 'cloud->edge' && message.header.parent_msg_id === request.header.msg_id,
  )?.message ?? assert.fail('no recorded answer');

/** Ids and times of our own making. */
const comparable = ({ route, content }: Message) => ({
  route,
  content: normalised(
    JSON.parse(
      JSON.stringify(content, (key, value) =>
        ['event_id', 'generation', 'timestamp'].includes(key) ? undefined : value,
      ),
    ),
  ),
});

const model = down('default/devicemodel/thermo-model', 'insert');
const device = down('default/device/thermo-1', 'insert');
const changed = down('default/device/thermo-1', 'update');

test('the recorded model and device are named and told as upstream sent them', async (t) => {
  const world = await deviceWorld(t, { connected: false });
  world.downstream.connect(NODE);
  put(world.kube, model.content as DeviceModel);
  put(world.kube, device.content as Device);
  await settle();

  const membership = world.downstream.posted.find(({ message }) => message.route.resource === 'membership');
  assert.deepEqual(comparable(membership!.message), comparable(down('membership', 'update')));
  assert.deepEqual(world.downstream.names(NODE), [
    'device/default/thermo-1',
    'devicemodel/default/thermo-model',
  ]);
  for (const { message, name } of [
    { message: model, name: 'devicemodel/default/thermo-model' },
    { message: device, name: 'device/default/thermo-1' },
  ]) {
    const object = world.downstream.object(NODE, name);
    const sent = { route: message.route, content: object.content() } as unknown as Message;
    assert.deepEqual(comparable(sent), comparable(message));
    assert.equal(object.source, message.route.source);
    assert.equal(`${object.namespace}/${object.type}/${object.name}`, message.route.resource);
    assert.equal(object.firstOperation, message.route.operation);
  }

  const before = world.downstream.object(NODE, 'device/default/thermo-1');
  put(world.kube, changed.content as Device);
  await settle();
  const after = world.downstream.object(NODE, 'device/default/thermo-1');
  assert.notEqual(after.hash, before.hash);
  assert.deepEqual(comparable({ ...changed, content: after.content() }), comparable(changed));
});

test('the recorded reports are confirmed as upstream did and stand in the DeviceStatus', async (t) => {
  const world = await deviceWorld(t, { connected: false });
  world.downstream.connect(NODE);
  put(world.kube, device.content as Device);
  await settle();
  for (const resource of [
    'device/default/thermo-1/twin/edge_updated',
    'device/default/thermo-1/state/update',
  ]) {
    const request = up(resource);
    await world.send(request, NODE);
    await world.clock.advance(2_000);
    const ours = world.downstream.answerTo(request);
    assert.deepEqual(ours && comparable(ours), comparable(answerTo(request)));
  }
  assert.deepEqual(world.status('thermo-1')?.status, {
    twins: [
      {
        propertyName: 'temperature',
        reported: { value: '21.5', metadata: { timestamp: '1795356571114', type: 'float' } },
      },
    ],
    state: 'online',
    lastOnlineTime: '2026-11-22T14:09:32Z',
  });
});

test('a request for the full membership list is not answered, as upstream does not', async (t) => {
  const world = await deviceWorld(t);
  const request = up('membership/detail');
  await world.send(request, NODE);
  assert.equal(world.confirmed(request), false);
});
