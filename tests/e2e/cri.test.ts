import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { startContainerd } from '@kubeedge-ts/testing/containerd';
import { criCompliance } from '@kubeedge-ts/testing/fake-cri';

criCompliance('containerd', async () => {
  const cgroupParent = `/${process.env['KUBEEDGE_TS_CGROUP'] ?? 'kets'}/cri-${process.pid}`;
  const containerd = await startContainerd({ cgroups: [cgroupParent] });
  const logDirectory = await mkdtemp(join(tmpdir(), 'kets-logs-'));
  const client = createCriClient({ endpoint: containerd.endpoint, clock: systemClock });
  return {
    client,
    image: 'kubeedge-ts.local/busybox:1',
    logDirectory,
    cgroupParent,
    async stop() {
      client.close();
      await containerd.stop();
      await rm(logDirectory, { recursive: true, force: true });
    },
  };
});
