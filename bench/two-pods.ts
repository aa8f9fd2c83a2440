// `kubectl apply` of a two-replica Deployment until both pods are Running in the API; images present (DESIGN §10).

import { pods } from '@kubeedge-ts/apis';
import { createKubeClient, loadKubeconfig } from '@kubeedge-ts/kube';
import { systemClock } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { report, summarise } from './lib/report.ts';
import { benchSite, deployment } from './lib/site.ts';

const ROUNDS = 5;
const site = await benchSite();
const config = await loadKubeconfig({ path: site.cloud.kubeconfig, env: {} }, { clock: systemClock });
const client = createKubeClient(config, { clock: systemClock, userAgent: 'bench' });
const times: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const name = `two-${round}`;
  const labelSelector = `app=${name}`;
  const list = async () => (await client.list(pods, { namespace: 'default', labelSelector })).items;
  const begun = performance.now();
  await site.cloud.kubectl(['apply', '-f', '-'], deployment(name, 2));
  await until(
    'both are Running',
    async () => (await list()).filter((pod) => pod.status?.phase === 'Running').length === 2,
    {
      timeoutMs: 60_000,
      everyMs: 20,
    },
  );
  if (round > 0) times.push(performance.now() - begun); // the first one warms up
  await site.cloud.kubectl(['delete', 'deployment', name]);
  await until('both are gone', async () => (await list()).length === 0, { timeoutMs: 60_000 });
}
report('two-pods', { rounds: ROUNDS, replicas: 2 }, { applyToRunningMs: summarise(times) });
client.close();
await site.stop();
process.exit(0);
