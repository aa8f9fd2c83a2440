import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { tunnelCredentials } from './credentials.ts';

const root = mkdtempSync(join(tmpdir(), 'tunnel-credentials-'));
after(() => rmSync(root, { recursive: true, force: true }));
const filesIn = (folder: string) => ({
  ca: join(root, folder, 'ca.crt'),
  cert: join(root, folder, 'tls.crt'),
  key: join(root, folder, 'tls.key'),
});
const hubFiles = filesIn('hub');
const OBTAINED = { ca: 'hub ca', cert: 'hub cert', key: 'hub key' };
const identity = { obtain: async () => OBTAINED };
const { signal } = new AbortController();

function write(folder: string) {
  const files = filesIn(folder);
  mkdirSync(join(root, folder));
  for (const [name, file] of Object.entries(files)) writeFileSync(file, `own ${name}`);
  return files;
}

test('the tunnel uses the node’s certificate, which EdgeHub keeps valid', async () => {
  write('hub');
  assert.equal(await tunnelCredentials({ files: hubFiles, hubFiles, identity })(signal), OBTAINED);
});

test('files of its own are used when they are there, read anew each time', async () => {
  const files = filesIn('own');
  const credentials = tunnelCredentials({ files, hubFiles, identity });
  assert.equal(await credentials(signal), OBTAINED);
  write('own');
  assert.deepEqual(await credentials(signal), { ca: 'own ca', cert: 'own cert', key: 'own key' });
  rmSync(files.key);
  assert.equal(await credentials(signal), OBTAINED);
});

test('a file that cannot be read is named', async () => {
  const files = filesIn('folder');
  mkdirSync(files.key, { recursive: true });
  await assert.rejects(
    tunnelCredentials({ files, hubFiles, identity })(signal),
    (error: unknown) => isKubeEdgeError(error, 'EDGE_IDENTITY_FILE') && error.details['file'] === files.key,
  );
});
