import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Event } from '@kubeedge-ts/apis';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createEvents, type Events } from './events.ts';
import { container, pod } from './testing/pods.ts';

const START = Date.parse('2026-11-22T00:00:00Z');
const MINUTE = 60_000;

let time: number;
let reported: Event[];
let report: (event: Event) => Promise<void>;
let events: Events;
const web = pod('web', {
  containers: [container('main')],
  initContainers: [container('init')],
});
web.metadata.resourceVersion = '7';

beforeEach(() => {
  time = START;
  reported = [];
  report = async (event) => void reported.push(event);
  events = createEvents({
    nodeName: 'edge-a',
    report: (event) => report(event),
    clock: { now: () => time, monotonic: () => time, after: () => () => {} },
    log: silentLogger,
  });
});

describe('events', () => {
  test("of a pod have the kubelet's form", () => {
    events.pod(web, 'Normal', 'Started', 'Started container main', 'main');
    assert.deepEqual(reported, [
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          name: `web.${(BigInt(START) * 1_000_000n).toString(16)}`,
          namespace: 'default',
          creationTimestamp: null,
        },
        involvedObject: {
          kind: 'Pod',
          namespace: 'default',
          name: 'web',
          uid: web.metadata.uid,
          apiVersion: 'v1',
          resourceVersion: '7',
          fieldPath: 'spec.containers{main}',
        },
        reason: 'Started',
        message: 'Started container main',
        source: { component: 'kubelet', host: 'edge-a' },
        firstTimestamp: '2026-11-22T00:00:00Z',
        lastTimestamp: '2026-11-22T00:00:00Z',
        count: 1,
        type: 'Normal',
        eventTime: null,
        reportingComponent: 'kubelet',
        reportingInstance: 'edge-a',
      },
    ]);
  });

  test('of the node lie in namespace default and carry its name as uid', () => {
    events.node('Normal', 'Starting', 'Starting kubelet.');
    assert.deepEqual(reported[0]?.involvedObject, { kind: 'Node', name: 'edge-a', uid: 'edge-a' });
    assert.equal(reported[0]?.metadata.namespace, 'default');
  });

  test('say where in the pod an init container is', () => {
    events.pod(web, 'Normal', 'Started', 'm', 'init');
    assert.equal(reported[0]?.involvedObject.fieldPath, 'spec.initContainers{init}');
  });

  test('said again count up the first one', () => {
    events.pod(web, 'Warning', 'BackOff', 'Back-off', 'main');
    time += 90_000;
    events.pod(web, 'Warning', 'BackOff', 'Back-off', 'main');
    const [first, second] = reported;
    assert.equal(second?.metadata.name, first?.metadata.name);
    assert.equal(second?.count, 2);
    assert.equal(second?.firstTimestamp, '2026-11-22T00:00:00Z');
    assert.equal(second?.lastTimestamp, '2026-11-22T00:01:30Z');
  });

  test('that differ in container, type or object are events of their own, also within one millisecond', () => {
    events.pod(web, 'Normal', 'Started', 'm', 'main');
    events.pod(web, 'Normal', 'Started', 'm', 'init');
    events.pod(web, 'Warning', 'Started', 'm', 'main');
    events.pod(pod('other'), 'Normal', 'Started', 'm', 'main');
    assert.equal(new Set(reported.map(({ metadata }) => metadata.name)).size, 4);
    assert.ok(reported.every(({ count }) => count === 1));
  });

  test('of one reason with ever new messages become one from the tenth on', () => {
    for (let i = 1; i <= 12; i++) events.pod(web, 'Warning', 'Unhealthy', `probe failed: ${i}`);
    assert.equal(reported[8]?.message, 'probe failed: 9');
    assert.equal(reported[9]?.message, '(combined from similar events): probe failed: 10');
    assert.equal(reported[11]?.metadata.name, reported[9]?.metadata.name);
    assert.equal(reported[11]?.count, 3);
    time += 11 * MINUTE;
    events.pod(web, 'Warning', 'Unhealthy', 'probe failed: 13');
    assert.equal(reported.at(-1)?.message, 'probe failed: 13');
  });

  test('of one object and type: 25 at once, then one every 5 minutes, none uncounted', () => {
    for (let i = 0; i < 30; i++) events.pod(web, 'Warning', 'BackOff', 'Back-off');
    assert.equal(reported.length, 25);
    events.pod(web, 'Normal', 'Pulled', 'another type has its own budget');
    assert.equal(reported.length, 26);
    time += 5 * MINUTE;
    events.pod(web, 'Warning', 'BackOff', 'Back-off');
    events.pod(web, 'Warning', 'BackOff', 'Back-off');
    assert.equal(reported.length, 27);
    assert.equal(reported.at(-1)?.count, 31);
  });

  test('have names and messages the API takes, however long the pod name and the text', () => {
    const long = pod('n'.repeat(253));
    events.pod(long, 'Warning', 'Failed', 'm'.repeat(100_000));
    assert.equal(reported[0]?.metadata.name.length, 253);
    assert.equal(reported[0]?.message?.length, 1_024);
  });

  test('that cannot be kept end nothing, and a store that hangs holds 256 of them', async () => {
    report = async () => {
      throw new Error('disk full');
    };
    events.pod(web, 'Normal', 'Started', 'm');
    await new Promise((resolve) => setImmediate(resolve));
    let asked = 0;
    report = () => {
      asked += 1;
      return new Promise(() => {});
    };
    for (let i = 0; i < 300; i++) events.pod(pod(`p-${i}`), 'Normal', 'Started', 'm');
    assert.equal(asked, 256);
  });
});
