// The other side of bench/probes.ts: a fake runtime with so many running containers, and the server their http probes ask.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ContainerConfig, PodSandboxConfig } from '@kubeedge-ts/cri';
import { startFakeCri } from '@kubeedge-ts/testing/fake-cri';

const fake = await startFakeCri();
const ids = Array.from({ length: Number(process.argv[2]) }, (_, index) => {
  const metadata = { name: `pod-${index}`, uid: `uid-${index}`, namespace: 'default', attempt: 0 };
  const sandbox = fake.runtime.runSandbox({
    metadata,
    labels: {},
    annotations: {},
  } as unknown as PodSandboxConfig);
  const config = { metadata: { name: 'main', attempt: 0 }, labels: {}, annotations: {} };
  const id = fake.runtime.createContainer(sandbox, config as unknown as ContainerConfig);
  fake.runtime.startContainer(id);
  return id;
});
fake.exec = () => ({ stdout: 'ok\n', exitCode: 0 });
const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ endpoint: fake.endpoint, port, ids })}\n`);
