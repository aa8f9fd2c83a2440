import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, pods } from '@kubeedge-ts/apis';
import { faultRules } from '@kubeedge-ts/kube/testing';
import { createEventRecorder } from './event-recorder.ts';
import { createCluster, NAMESPACE } from './testing/cluster.ts';

test('the same event again raises its count, and an API that fails takes nothing down', async () => {
  const script = faultRules([{ verb: 'create', resource: 'events', fault: { kind: 'unreachable' } }]);
  const { kube, ports } = createCluster({ script });
  const recorder = createEventRecorder('test', ports);
  const pod = kube.put(pods, { metadata: { namespace: NAMESPACE, name: 'p' } });
  recorder.record(pod, 'Normal', 'Lost', 'm');
  recorder.record(pod, 'Normal', 'Seen', 'm');
  recorder.record(pod, 'Normal', 'Seen', 'm');
  await recorder.flush();
  const [event, ...others] = kube.objects(events);
  assert.equal(others.length, 0);
  assert.deepEqual(
    [event?.reason, event?.count, event?.type, event?.source?.component, event?.involvedObject.uid],
    ['Seen', 2, 'Normal', 'test', pod.metadata.uid],
  );
});
