// 2, 30 and 110 pods on one edge: `kubectl apply` → Running in the API, edgecore's CPU for it, its memory at 0, 30 and
// 110 pods, and its CPU over a quiet minute with 30 (issue "Edged"). Flags: --settle SECONDS (30), --quiet SECONDS (60).
import { pods } from '@kubeedge-ts/apis';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { cpuSeconds, memoryMb } from './lib/memory.ts';
import { report, round, summarise } from './lib/report.ts';
import { benchSite, deployment, pause } from './lib/site.ts';

const flag = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at === -1 ? fallback : Number(process.argv[at + 1]);
};
const settleSeconds = flag('--settle', 30);
const quietSeconds = flag('--quiet', 60);
const SIZES = [2, 30, 110];
const QUIET_WITH = 30;

const site = await benchSite();
const edgecore = site.edge.edgecore()?.pid ?? -1;
const config = await loadKubeconfig({ path: site.cloud.kubeconfig, env: {} }, { clock: systemClock });
const client = createKubeClient(config, { clock: systemClock, userAgent: 'bench' });
const list = async (name: string) =>
  (await client.list(pods, { namespace: 'default', labelSelector: `app=${name}` })).items;

await pause(settleSeconds * 1000);
const results: Record<string, object> = { '0': { edgecoreMb: memoryMb(edgecore) } };
for (const size of SIZES) {
  const name = `size-${size}`;
  const cpuBefore = cpuSeconds(edgecore);
  const begun = performance.now();
  const runningAfter = new Map<string, number>();
  await site.cloud.kubectl(['apply', '-f', '-'], deployment(name, size));
  await until(
    `${size} pods are Running`,
    async () => {
      const found = await list(name);
      const now = performance.now() - begun;
      for (const { metadata, status } of found) {
        if (status?.phase === 'Running' && !runningAfter.has(metadata.name))
          runningAfter.set(metadata.name, now);
      }
      return runningAfter.size === size;
    },
    { timeoutMs: 300_000, everyMs: 20 },
  );
  const cpu = cpuSeconds(edgecore) - cpuBefore;
  await pause(settleSeconds * 1000);
  const edgecoreMb = memoryMb(edgecore);
  const quiet: { quietCpuPercent?: number } = {};
  if (size === QUIET_WITH) {
    const quietBefore = cpuSeconds(edgecore);
    await pause(quietSeconds * 1000);
    quiet.quietCpuPercent = round(((cpuSeconds(edgecore) - quietBefore) / quietSeconds) * 100);
  }
  results[size] = {
    applyToRunningMs: summarise([...runningAfter.values()]),
    edgecoreCpuSeconds: round(cpu),
    edgecoreMb,
    ...quiet,
  };
  await site.cloud.kubectl(['delete', 'deployment', name]);
  await until('all are gone', async () => (await list(name)).length === 0, { timeoutMs: 300_000 });
}
report('pods', { sizes: SIZES, settleSeconds, quietSeconds }, results);
client.close();
await site.stop();
process.exit(0);
