import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceTwinUpdate, Message } from '@kubeedge-ts/apis';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createReports } from './reports.ts';
import type { Device, Twin } from './types.ts';

function setUp() {
  const clock = createVirtualClock();
  const random = seededRandom(1);
  const sent: Message[] = [];
  const device: Device = {
    id: 'ns/d',
    name: 'd',
    description: '',
    state: '',
    lastOnline: '',
    attributes: new Map(),
    twins: new Map(),
    oneLevelSeen: false,
  };
  const reports = createReports({
    send: async (message) => {
      sent.push(message);
    },
    wake: () => reports.flush(),
    device: (id) => (id === device.id ? device : undefined),
    clock,
    origin: { now: clock.now, uuid: random.uuid },
    log: silentLogger,
  });
  let edge = 0;
  const report = (value: string, name = 't'): void => {
    const twin: Twin = {
      name,
      type: 'string',
      optional: true,
      actual: { value, timestamp: 1 },
      actualVersion: { cloud: 0, edge: ++edge },
    };
    device.twins.set(name, twin);
    reports.twinChanged(device.id, name, { actual: true });
    reports.flush();
  };
  const values = (): Record<string, string | undefined>[] =>
    sent.map(({ content }) =>
      Object.fromEntries(
        Object.entries((content as DeviceTwinUpdate).twin).map(([name, twin]) => [name, twin?.actual?.value]),
      ),
    );
  const confirm = (message: Message | undefined): void => {
    reports.confirmed(message?.header.msg_id ?? '');
    reports.flush();
  };
  return { clock, reports, sent, report, values, confirm };
}

test('a report has the recorded form', () => {
  const { reports, sent, report } = setUp();
  reports.connected();
  report('21.5');
  const message = sent[0] as Message<DeviceTwinUpdate>;
  assert.deepEqual(message.route, {
    source: 'twin',
    group: 'resource',
    operation: 'update',
    resource: 'device/ns/d/twin/edge_updated',
  });
  assert.deepEqual(message.content.twin['t'], {
    actual: { value: '21.5', metadata: { timestamp: 1 } },
    optional: true,
    metadata: { type: 'string' },
    actual_version: { cloud: 0, edge: 1 },
  });
});

test('while a report is unconfirmed newer values wait, and only the newest is sent', () => {
  const { reports, sent, report, values, confirm } = setUp();
  reports.connected();
  for (const value of ['1', '2', '3']) report(value);
  report('x', 'other');
  assert.deepEqual(values(), [{ t: '1' }]);
  confirm(sent[0]);
  assert.deepEqual(values(), [{ t: '1' }, { t: '3', other: 'x' }]);
});

test('while the cloud is away the newest value per property is kept and sent on connect', () => {
  const { reports, report, values } = setUp();
  report('1');
  report('2');
  report('a', 'other');
  assert.deepEqual(values(), []);
  reports.connected();
  assert.deepEqual(values(), [{ t: '2', other: 'a' }]);
});

test('what was under way when the connection broke is sent again with its newest value', () => {
  const { reports, report, values } = setUp();
  reports.connected();
  report('1');
  reports.disconnected();
  report('2');
  reports.connected();
  assert.deepEqual(values(), [{ t: '1' }, { t: '2' }]);
});

test('an unconfirmed report is sent again after 60 s, and not before', async () => {
  const { clock, reports, report, values, sent, confirm } = setUp();
  reports.connected();
  report('1');
  await clock.advance(59_000);
  assert.equal(values().length, 1);
  await clock.advance(10_000);
  assert.deepEqual(values(), [{ t: '1' }, { t: '1' }]);
  confirm(sent[1]);
  await clock.advance(200_000);
  assert.equal(values().length, 2);
  assert.equal(clock.pending, 0);
});

test('newer values do not wait more than 10 s for the confirmation of older ones', async () => {
  const { clock, reports, report, values } = setUp();
  reports.connected();
  report('1');
  report('2');
  await clock.advance(10_000);
  assert.deepEqual(values(), [{ t: '1' }, { t: '2' }]);
});

test('states travel beside twins as the same text mappers got, newest wins', () => {
  const { reports, sent, confirm } = setUp();
  reports.connected();
  reports.stateChanged('ns/d', '{"a":1}');
  reports.flush();
  reports.stateChanged('ns/d', '{"a":2}');
  reports.stateChanged('ns/d', '{"a":3}');
  reports.flush();
  confirm(sent[0]);
  assert.deepEqual(
    sent.map(({ route, content }) => [route.resource, content]),
    [
      ['device/ns/d/state/update', '{"a":1}'],
      ['device/ns/d/state/update', '{"a":3}'],
    ],
  );
});

test('a device that left is not reported any more', async () => {
  const { clock, reports, report, values } = setUp();
  reports.connected();
  report('1');
  reports.forget('ns/d');
  await clock.advance(120_000);
  assert.equal(values().length, 1);
});
