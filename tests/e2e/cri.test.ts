import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { importTestImages, startContainerd, TEST_IMAGES } from '@kubeedge-ts/testing/containerd';
import { criCompliance } from '@kubeedge-ts/testing/fake-cri';

criCompliance('containerd', async () => {
  const cgroupParent = `/${process.env['KUBEEDGE_TS_CGROUP'] ?? 'kets'}/cri-${process.pid}`;
  const containerd = await startContainerd({ cgroups: [cgroupParent] });
  await importTestImages(containerd);
  const logDirectory = await mkdtemp(join(tmpdir(), 'kets-logs-'));
  const client = createCriClient({ endpoint: containerd.endpoint, clock: systemClock });
  return {
    client,
    image: 'kubeedge-ts.local/busybox:1',
    users: {
      number: TEST_IMAGES.userNumber,
      name: TEST_IMAGES.userName,
      entrypoint: TEST_IMAGES.entrypoint,
    },
    spareImage: TEST_IMAGES.spare,
    logDirectory,
    cgroupParent,
    // containerd 1.6, the one of Debian 12; a machine without a registry.
    differs: [
      'no-runtime-config',
      'no-events',
      'no-checkpoint',
      'no-metrics',
      'no-image-volumes',
      'stop-unknown-fails',
      'no-registry',
    ],
    async stop() {
      client.close();
      await containerd.stop();
      await rm(logDirectory, { recursive: true, force: true });
    },
  };
});
