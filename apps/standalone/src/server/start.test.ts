import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { createRawClient } from '../testing/raw-client.ts';
import { type ApiServerOptions, createApiServer } from './index.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-start-'));
});
after(() => rm(folder, { recursive: true }));

const refused = (options: ApiServerOptions, code: string, detail: string) =>
  assert.rejects(createApiServer(options), (error) => {
    assert.ok(isKubeEdgeError(error, code), String(error));
    assert.ok(error.message.includes(detail), error.message);
    return true;
  });

test('a data directory that is a file is refused with its path', async () => {
  const dataDir = join(folder, 'file');
  await writeFile(dataDir, '');
  await refused({ dataDir }, 'STANDALONE_DATA_DIR_UNUSABLE', dataDir);
});

test('a damaged store is refused with its path and left as it is', async () => {
  const dataDir = join(folder, 'damaged');
  await mkdir(dataDir);
  await writeFile(
    join(dataDir, 'standalone.db'),
    'no database at all, but long enough for a header'.repeat(30),
  );
  await refused({ dataDir }, 'STANDALONE_STORE_DAMAGED', join(dataDir, 'standalone.db'));
  assert.match(await readFile(join(dataDir, 'standalone.db'), 'utf8'), /^no database/);
});

test('a key that is none is refused with its path', async () => {
  const dataDir = join(folder, 'key');
  await mkdir(join(dataDir, 'pki'), { recursive: true });
  await writeFile(join(dataDir, 'pki', 'ca.key'), 'x');
  await writeFile(join(dataDir, 'pki', 'ca.crt'), 'x');
  await refused({ dataDir }, 'STANDALONE_PKI_UNREADABLE', join(dataDir, 'pki', 'ca.key'));
});

test('a port that is taken is named', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as { port: number };
  await refused({ port }, 'STANDALONE_LISTEN_FAILED', `127.0.0.1:${port}`);
  await new Promise((resolve) => holder.close(resolve));
});

test('a serving certificate is made anew when it must carry another name; the CA stays', async () => {
  const dataDir = join(folder, 'names');
  const certificate = () => readFile(join(dataDir, 'pki', 'apiserver.crt'), 'utf8');
  const first = await createApiServer({ dataDir });
  await first.close();
  const made = await certificate();
  const second = await createApiServer({ dataDir });
  await second.close();
  assert.equal(await certificate(), made);
  const third = await createApiServer({ dataDir, tlsSans: ['kube.example.com'] });
  await third.close();
  assert.notEqual(await certificate(), made);
  assert.equal(third.caPem, first.caPem);
});

test('the kubernetes service points to where the server listens now', async () => {
  const dataDir = join(folder, 'address');
  await (await createApiServer({ dataDir })).close();
  const server = await createApiServer({ dataDir });
  const client = createRawClient(server);
  const endpoints = await client.json('GET', '/api/v1/namespaces/default/endpoints/kubernetes');
  assert.deepEqual(endpoints['subsets'], [
    { addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port: server.port, protocol: 'TCP' }] },
  ]);
  client.close();
  await server.close();
});
