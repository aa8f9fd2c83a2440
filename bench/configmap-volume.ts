// A ConfigMap changes in the API until a running pod serves the new value from its volume, also after a reconnect.
import { join } from 'node:path';
import { until } from '@kubeedge-ts/testing/site';
import { report, summarise } from './lib/report.ts';
import { benchSite, pause } from './lib/site.ts';

const ROUNDS = 10;
const root = process.env['KUBEEDGE_TS_ROOT'] ?? process.cwd();
const site = await benchSite();
const { kubectl } = site.cloud;
await kubectl(['apply', '-f', join(root, 'examples/web/web.yaml')]);

async function served(): Promise<string[]> {
  const addresses = await site.podAddresses();
  return Promise.all(
    addresses.map(async (address) => (await (await fetch(`http://${address}/greeting`)).text()).trim()),
  );
}

async function change(value: string): Promise<number> {
  await kubectl(['patch', 'configmap', 'web-content', '-p', JSON.stringify({ data: { greeting: value } })]);
  const begun = performance.now();
  await until(`both serve ${value}`, async () => (await served()).every((text) => text === value), {
    timeoutMs: 120_000,
    everyMs: 20,
  });
  return performance.now() - begun;
}

await until('both pods serve', async () => (await served()).length === 2, { timeoutMs: 60_000 });
const connected: number[] = [];
for (let round = 0; round < ROUNDS; round++) connected.push(await change(`round ${round}`));
const reconnected: number[] = [];
for (let round = 0; round < 3; round++) {
  await pause(12_000); // longer than the edge's back-off remembers
  await site.cloud.stopCloudcore('kill');
  await site.cloud.startCloudcore();
  reconnected.push(await change(`reconnected ${round}`));
}
report(
  'configmap-volume',
  { rounds: ROUNDS },
  { changeToVolumeMs: summarise(connected), afterCloudcoreRestartMs: summarise(reconnected) },
);
await site.stop();
process.exit(0);
