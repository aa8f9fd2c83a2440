import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import { statusPatch } from '../../metamanager/status-patch.ts';
import { run, sandbox, state } from '../testing/states.ts';
import { decide } from './decide.ts';
import type { PodRuntime } from './types.ts';

interface Line {
  readonly dir: string;
  readonly route?: { readonly operation: string; readonly resource: string };
  readonly content?: unknown;
}

const lines = readFileSync(
  new URL('../../../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Line);

const podsTo = (resource: string): Pod[] =>
  lines
    .filter(({ dir, route }) => dir === 'cloud->edge' && route?.resource === resource)
    .map(({ content }) => content as Pod);
const patchesFrom = (resource: string): unknown[] =>
  lines
    .filter(({ dir, route }) => dir === 'edge->cloud' && route?.resource === resource)
    .map(({ content }) => JSON.parse(content as string) as unknown);

/** Our patch when edged first sees `pod` as the cloud has it, with this in the runtime, at this time. */
function patchOf(pod: Pod, runtime: PodRuntime, time: string): unknown {
  const previous = pod.status as PodStatus;
  const { status } = decide(
    {
      ...state({ pod, previous }),
      runtime,
      node: { hostIPs: ['192.0.2.10'], runtimeName: 'containerd', networkProblem: undefined },
    },
    Date.parse(time),
  );
  const uid = pod.metadata.uid ?? '';
  const patch = statusPatch({ kind: 'pod', uid, base: previous, wanted: status });
  return patch === undefined ? undefined : JSON.parse(patch);
}

const nothing: PodRuntime = { sandboxes: [], containers: [] };
const up = (ip: string, name: string, id: string, time: string): PodRuntime => ({
  sandboxes: [sandbox({ ips: [ip] })],
  containers: [
    run(name, {
      id,
      startedAt: Date.parse(time),
      imageId: 'sha256:f96b5dbe0361abf1932e31975a332304077394f1327f3b66e3df43cefae08f34',
    }),
  ],
});

describe('pod status patches are those that upstream sent in the recording', () => {
  test('a pod that ran before a restart, with nothing in the runtime', () => {
    const [before] = podsTo('default/pod/web-6564b7f7-8f7ph');
    const [recorded] = patchesFrom('default/podpatch/web-6564b7f7-8f7ph');
    assert.deepEqual(patchOf(before as Pod, nothing, '2026-11-22T14:08:49Z'), recorded);
  });

  test('the same pod running again', () => {
    const [, waiting] = podsTo('default/pod/web-6564b7f7-8f7ph');
    const [, recorded] = patchesFrom('default/podpatch/web-6564b7f7-8f7ph');
    const id = 'aed56ff7cb1531ab0be403c4ae5a96e585cf5fbe94481054feb85978f9ff137e';
    const runtime = up('10.88.0.25', 'web', id, '2026-11-22T14:08:50Z');
    assert.deepEqual(patchOf(waiting as Pod, runtime, '2026-11-22T14:08:50Z'), recorded);
  });

  test('a new pod, waiting and then running', () => {
    const pods = podsTo('default/pod/demo').filter(({ spec }) => spec !== undefined);
    const [waiting, running] = patchesFrom('default/podpatch/demo');
    assert.deepEqual(patchOf(pods[0] as Pod, nothing, '2026-11-22T14:09:01Z'), waiting);
    const id = 'e8349f3f200dd80f0ab541ac08712703f5a08d6cc11a52eb40d8329ab79e1128';
    const runtime = up('10.88.0.26', 'main', id, '2026-11-22T14:09:02Z');
    assert.deepEqual(patchOf(pods[1] as Pod, runtime, '2026-11-22T14:09:02Z'), running);
  });
});
