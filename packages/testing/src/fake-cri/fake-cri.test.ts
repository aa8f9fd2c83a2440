import { tmpdir } from 'node:os';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { criCompliance } from './compliance.ts';
import { startFakeCri } from './fake-cri.ts';

criCompliance('the fake CRI', async () => {
  const fake = await startFakeCri();
  fake.addImage('kubeedge-ts.local/busybox:1');
  const client = createCriClient({ endpoint: fake.endpoint, clock: systemClock });
  return {
    client,
    image: 'kubeedge-ts.local/busybox:1',
    logDirectory: tmpdir(),
    async stop() {
      client.close();
      await fake.stop();
    },
  };
});
