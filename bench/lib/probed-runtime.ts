// The other side of bench/probes.ts: a fake runtime with so many running containers, and the server their http probes ask.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { startFakeCri } from '@kubeedge-ts/testing/fake-cri';

const IMAGE = 'docker.io/library/busybox:1';
const fake = await startFakeCri();
const cri = createCriClient({ endpoint: fake.endpoint, clock: systemClock, requestTimeoutMs: 10_000 });
fake.addImage(IMAGE);
const ids: string[] = [];
for (let index = 0; index < Number(process.argv[2]); index++) {
  const metadata = { name: `pod-${index}`, uid: `uid-${index}`, namespace: 'default', attempt: 0 };
  const sandboxConfig = { metadata };
  const { podSandboxId } = await cri.runPodSandbox({ config: sandboxConfig });
  const { containerId } = await cri.createContainer({
    podSandboxId,
    sandboxConfig,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image: IMAGE },
      command: ['sleep', '1000000'],
    },
  });
  await cri.startContainer({ containerId });
  ids.push(containerId);
}
cri.close();
fake.exec = () => ({ stdout: 'ok\n', exitCode: 0 });
const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ endpoint: fake.endpoint, port, ids })}\n`);
