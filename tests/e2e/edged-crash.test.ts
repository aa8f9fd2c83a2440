import assert from 'node:assert/strict';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { STEP_POINTS, type StepPoint } from '../../apps/edgecore/src/edged/runtime/carry-out.ts';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';
import { type EdgedProcess, startEdgedProcess } from './lib/edged-process.ts';

let bed: EdgedBed;
let marks: string;
const running = new Set<EdgedProcess>();

/** The first point of a pod's end; those before it belong to its start. */
const FIRST_OF_THE_END: StepPoint = 'preStop';
const atStart = STEP_POINTS.slice(0, STEP_POINTS.indexOf(FIRST_OF_THE_END));
const atEnd = STEP_POINTS.slice(STEP_POINTS.indexOf(FIRST_OF_THE_END));
const NAMES = ['prepare', 'side', 'main'];

/** A pod that passes every point; each start of a container leaves a line in the file of its name. */
function busyPod(): Pod {
  const mounts = [
    { name: 'marks', mountPath: '/marks' },
    { name: 'cfg', mountPath: '/cfg' },
    { name: 'fast', mountPath: '/fast' },
  ];
  const stay = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
  const one = (name: string, rest: string, fields: object = {}) =>
    container(name, {
      command: ['sh', '-c', `echo started >> /marks/${name}; ${rest}`],
      volumeMounts: mounts,
      ...fields,
    });
  return pod('busy', {
    terminationGracePeriodSeconds: 5,
    initContainers: [one('prepare', 'exit 0'), one('side', stay, { restartPolicy: 'Always' })],
    containers: [
      one('main', stay, {
        resources: { limits: { memory: '64Mi' } },
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo hook >> /marks/postStart'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo hook >> /marks/preStop'] } },
        },
      }),
    ],
    volumes: [
      { name: 'marks', hostPath: { path: marks } },
      { name: 'cfg', configMap: { name: 'app' } },
      { name: 'fast', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    ],
  });
}

async function start(pods: readonly Pod[], crashAt?: StepPoint): Promise<EdgedProcess> {
  const edged = await startEdgedProcess(
    {
      endpoint: bed.containerd.endpoint,
      config: bed.config,
      pods,
      objects: [{ type: 'configmap', name: 'app', content: { data: { a: '1' } } }],
    },
    crashAt,
  );
  running.add(edged);
  return edged;
}

async function lines(name: string): Promise<number> {
  const text = await readFile(join(marks, name), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '').length;
}

const isReady = (process: EdgedProcess): boolean =>
  process.statuses
    .get('busy')
    ?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Deletes the pod, waits for its end, and looks for what may be left. */
async function endPod(process: EdgedProcess, busy: Pod): Promise<void> {
  process.send({ put: deleting(busy, 5) });
  await bed.until('the pod ended', () => process.deleted.has('busy'));
  process.send({ remove: busy });
  await bed.until('nothing is left', () =>
    bed.assertNothingLeft().then(
      () => true,
      () => false,
    ),
  );
}

describe('edged killed at any step and started again', { timeout: 300_000 }, () => {
  before(async () => {
    bed = await createEdgedBed({ name: 'crash' });
    marks = join(bed.dir, 'marks');
  });
  afterEach(async () => {
    for (const edged of running) await edged.stop();
    running.clear();
  });
  after(() => bed?.close());

  for (const point of atStart) {
    test(`while a pod starts, at ${point}: it runs, nothing has been started twice, and it ends without a trace`, async () => {
      await rm(marks, { recursive: true, force: true });
      await mkdir(marks);
      const busy = busyPod();
      const first = await start([busy], point);
      await first.ended();
      const status = first.statuses.get('busy');
      const again = await start([status === undefined ? busy : { ...busy, status }]);
      await bed.until('the pod runs', () => isReady(again));
      const counts = await Promise.all(NAMES.map(lines));
      assert.deepEqual(counts, [1, 1, 1], `starts of ${NAMES.join(', ')}`);
      const { items } = await bed.cri.listPodSandbox({});
      assert.equal(items.length, 1, 'sandboxes');
      await endPod(again, busy);
    });
  }

  for (const point of atEnd) {
    test(`while a pod ends, at ${point}: it ends all the same, without a trace`, async () => {
      await rm(marks, { recursive: true, force: true });
      await mkdir(marks);
      const busy = busyPod();
      const first = await start([busy]);
      await bed.until('the pod runs', () => isReady(first));
      first.send({ crashAt: point });
      first.send({ put: deleting(busy, 5) });
      await first.ended();
      const status = first.statuses.get('busy') ?? {};
      const ending = { ...deleting(busy, 5), status };
      await endPod(await start([ending]), ending);
      assert.ok((await lines('preStop')) >= 1, 'the preStop hook ran');
      const counts = await Promise.all(NAMES.map(lines));
      assert.deepEqual(counts, [1, 1, 1], `starts of ${NAMES.join(', ')}`);
    });
  }
});
