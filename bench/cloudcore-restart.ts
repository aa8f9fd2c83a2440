// cloudcore is killed and started again; a Deployment applied at that moment until its pod is Running at the edge.
import { until } from '@kubeedge-ts/testing/site';
import { report, summarise } from './lib/report.ts';
import { benchSite, deployment, pause } from './lib/site.ts';

const ROUNDS = 5;
/** A connection that lived this long counts as a good one; the edge's back-off starts anew after it. */
const STEADY_MS = 12_000;
const site = await benchSite();
const { kubectl } = site.cloud;
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const name = `restart-${round}`;
  await pause(STEADY_MS);
  await site.cloud.stopCloudcore('kill');
  await kubectl(['apply', '-f', '-'], deployment(name, 1));
  const before = new Set(await site.podAddresses());
  const begun = performance.now();
  await site.cloud.startCloudcore();
  await until(
    'the pod runs',
    async () => (await site.podAddresses()).some((address) => !before.has(address)),
    {
      timeoutMs: 120_000,
      everyMs: 20,
    },
  );
  times.push(performance.now() - begun);
}
report(
  'cloudcore-restart',
  { rounds: ROUNDS, steadyMs: STEADY_MS },
  { restartToRunningMs: summarise(times) },
);
await site.stop();
process.exit(0);
