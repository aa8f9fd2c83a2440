// The process behind edged-process.ts: edged on a given runtime, its store in memory, obeying its parent.
import { createCriClient } from '@kubeedge-ts/cri';
import { createLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { createEdged, systemHost } from '../../../apps/edgecore/src/edged/index.ts';
import type { StepPoint } from '../../../apps/edgecore/src/edged/runtime/carry-out.ts';
import { memoryMeta } from '../../../apps/edgecore/src/edged/testing/memory-meta.ts';
import type { EdgedCommand, EdgedNews, EdgedProcessOrder } from './edged-process.ts';

const order = JSON.parse(process.argv[2] ?? '') as EdgedProcessOrder & { crashAt?: StepPoint };
let crashAt = order.crashAt;

const tell = (news: EdgedNews): void => void process.send?.(news);
const inMemory = memoryMeta();
const meta = Object.assign(inMemory, {
  reportPodStatus: async ({ name }: { name: string }, status: object) =>
    tell({ status: { pod: name, status } }),
  deletePod: async ({ name }: { name: string }) => tell({ deleted: name }),
});
for (const pod of order.pods) meta.pods.set(pod.metadata.uid ?? '', pod);
for (const { type, name, content } of order.objects) meta.putObject(type, 'default', name, content);

const edged = createEdged({
  cri: createCriClient({ endpoint: order.endpoint, clock: systemClock }),
  meta,
  config: order.config,
  clock: systemClock,
  random: systemRandom,
  log: createLogger('edged', process.env['KETS_LOG'] === undefined ? 'silent' : 'debug'),
  host: systemHost,
  atPoint: (point) => {
    if (point === crashAt) process.kill(process.pid, 'SIGKILL');
  },
});
meta.sink = edged.sink;
process.on('message', (command: EdgedCommand) => {
  if ('put' in command) meta.putPod(command.put);
  else if ('remove' in command) meta.removePod(command.remove);
  else crashAt = command.crashAt;
});
process.on('SIGTERM', () => {
  edged.module.stop().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
await edged.module.start(new AbortController().signal);
tell({ started: true });
