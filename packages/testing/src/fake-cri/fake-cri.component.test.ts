import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { criCompliance, type Difference } from './compliance/index.ts';
import { startFakeCri } from './fake-cri.ts';
import type { PersonalityName } from './personality.ts';

const DIFFERS: Readonly<Record<PersonalityName, readonly Difference[]>> = {
  'containerd-1.6': [
    'no-runtime-config',
    'no-events',
    'no-checkpoint',
    'no-metrics',
    'no-image-volumes',
    'stop-unknown-fails',
  ],
  'containerd-2': ['no-metrics'],
  'cri-o': ['exec-timeout-answers', 'exec-exited-is-not-found'],
};

for (const [personality, differs] of Object.entries(DIFFERS) as [PersonalityName, readonly Difference[]][]) {
  const from =
    personality === 'containerd-1.6' ? 'as containerd proves in e2e' : 'from its sources: not to be had here';
  criCompliance(`the fake CRI as ${personality} (${from})`, async () => {
    const fake = await startFakeCri({ personality, strictCommands: true, hurry: 1 });
    const logDirectory = await mkdtemp(join(tmpdir(), 'kets-logs-'));
    const image = 'kubeedge-ts.local/busybox:1';
    const users = {
      number: 'kubeedge-ts.local/user-number:1',
      name: 'kubeedge-ts.local/user-name:1',
      entrypoint: 'kubeedge-ts.local/entrypoint:1',
    };
    fake.addImage(image);
    fake.addImage(users.number, { user: '1000' });
    fake.addImage(users.name, { user: 'app:app' });
    fake.addImage(users.entrypoint, { env: { FROM_IMAGE: 'yes' }, command: ['sleep', '1000'] });
    fake.addImage('kubeedge-ts.local/spare:1');
    fake.registry.add('kubeedge-ts.local/pullable:1');
    fake.portForward = (_, port) => {
      const peer = new PassThrough();
      if (port !== 9000) process.nextTick(() => peer.destroy(new Error('connect: connection refused')));
      return peer;
    };
    const client = createCriClient({ endpoint: fake.endpoint, clock: systemClock });
    return {
      client,
      image,
      users,
      spareImage: 'kubeedge-ts.local/spare:1',
      pullable: 'kubeedge-ts.local/pullable:1',
      logDirectory,
      differs,
      async stop() {
        client.close();
        await fake.stop();
        await rm(logDirectory, { recursive: true, force: true });
      },
    };
  });
}
