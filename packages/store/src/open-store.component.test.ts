import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Logger, silentLogger, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations } from './edge-migrations.ts';
import { openStore, type StoreOptions } from './open-store.ts';
import type { Statement } from './types.ts';

const root = mkdtempSync(join(tmpdir(), 'store-'));
after(() => rmSync(root, { recursive: true, force: true }));
let files = 0;
const options = (extra: Partial<StoreOptions> = {}): StoreOptions => ({
  path: join(root, `${files++}`, 'edgecore.db'),
  migrations: edgeMigrations,
  random: systemRandom,
  log: silentLogger,
  ...extra,
});
const put = (key: string, value = ''): Statement[] => [
  { sql: 'INSERT OR REPLACE INTO meta (key, type, value) VALUES (?, ?, ?)', params: [key, 'pod', value] },
];

describe('openStore', () => {
  test('resolves writes in the order they were made, whoever made them', async () => {
    const store = await openStore(options());
    const order: string[] = [];
    const writer = async (name: string): Promise<void> => {
      await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          store.write(put('shared', `${name}${i}`)).then(() => order.push(`${name}${i}`)),
        ),
      );
    };
    await Promise.all([writer('a'), writer('b')]);
    assert.deepEqual(
      order,
      ['a', 'b'].flatMap((name) => Array.from({ length: 200 }, (_, i) => `${name}${i}`)),
    );
    const [row] = await store.read({ sql: 'SELECT value FROM meta' });
    assert.equal(row?.['value'], 'b199');
    await store.close();
  });

  test('a failing write rejects with STORE_FAILED and the ones around it are kept', async () => {
    const store = await openStore(options());
    const outcomes = await Promise.allSettled([
      store.write(put('a')),
      store.write([{ sql: 'INSERT INTO nowhere VALUES (1)' }]),
      store.write(put('b')),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.ok(isKubeEdgeError((outcomes[1] as PromiseRejectedResult).reason, 'STORE_FAILED'));
    assert.equal((await store.read({ sql: 'SELECT count(*) AS n FROM meta' }))[0]?.['n'], 2);
    await store.close();
  });

  test('close waits for queued writes; later calls are refused', async () => {
    const settings = options();
    const store = await openStore(settings);
    const write = store.write(put('last'));
    await store.close();
    await write;
    await assert.rejects(store.write(put('late')), { code: 'STORE_CLOSED' });
    const again = await openStore(settings);
    assert.equal(again.epoch, store.epoch);
    assert.equal((await again.read({ sql: 'SELECT key FROM meta' }))[0]?.['key'], 'last');
    await again.close();
  });

  test('more calls than the bound are refused with STORE_BUSY, not buffered', async () => {
    const store = await openStore(options({ maxPendingCalls: 10 }));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => store.write(put(`k${i}`))),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 2);
    assert.ok(isKubeEdgeError(refused[0]?.reason, 'STORE_BUSY'));
    await store.close();
  });

  test('a damaged file is reported in the log and set aside; the store works', async () => {
    const settings = options();
    await (await openStore(settings)).close();
    writeFileSync(settings.path, Buffer.alloc(10_000, 7));
    const errors: string[] = [];
    const log: Logger = { ...silentLogger, error: (_, message) => errors.push(message) };
    const store = await openStore({ ...settings, log });
    assert.deepEqual(errors, [
      'database was damaged: it is set aside and a fresh one is filled from the cloud',
    ]);
    assert.equal(
      readdirSync(join(settings.path, '..')).filter((name) => name.includes('.damaged-')).length,
      1,
    );
    await store.write(put('a'));
    await store.close();
  });

  test('a worker that dies fails the open calls, and its successor serves the next', async () => {
    const dying = join(root, 'dying-worker.mjs');
    const worker = new URL('./worker.ts', import.meta.url).href;
    writeFileSync(
      dying,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', (m) => { if (m.calls?.some((c) => c.read?.sql === 'SELECT die')) process.exit(3); });
       await import(${JSON.stringify(worker)});`,
    );
    const store = await openStore(options({ workerUrl: new URL(`file://${dying}`) }));
    await store.write(put('a'));
    const lost = store.read({ sql: 'SELECT die' });
    await assert.rejects(lost, { code: 'STORE_FAILED' });
    assert.equal((await store.read({ sql: 'SELECT count(*) AS n FROM meta' }))[0]?.['n'], 1);
    await store.close();
  });
});

const openStoreUrl = JSON.stringify(new URL('./index.ts', import.meta.url).href);
const runtimeUrl = JSON.stringify(import.meta.resolve('@kubeedge-ts/runtime'));
const prelude = `import { openStore, edgeMigrations } from ${openStoreUrl};
  import { silentLogger, systemRandom } from ${runtimeUrl};
  const open = (path) => openStore({ path, migrations: edgeMigrations, random: systemRandom, log: silentLogger });
  const put = (key, value = '') => [{ sql: 'INSERT OR REPLACE INTO meta VALUES (?, ?, ?)', params: [key, 'pod', value] }];`;

test('a write that resolved before kill -9 is there afterwards', async () => {
  const path = join(root, 'killed', 'edgecore.db');
  const child: ChildProcess = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `${prelude}
       const store = await open(process.argv[1]);
       for (let i = 0; ; i += 5) {
         await Promise.all([0, 1, 2, 3, 4].map((n) => store.write(put(String(i + n)))));
         process.stdout.write(String(i + 4) + '\\n');
       }`,
      path,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  for await (const chunk of child.stdout as NodeJS.ReadableStream) {
    output += String(chunk);
    if (output.length > 200 && child.kill('SIGKILL')) break;
  }
  await once(child, 'exit');
  const confirmed = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1));
  const db = new DatabaseSync(path);
  const highest = db.prepare('SELECT max(CAST(key AS INTEGER)) AS m, count(*) AS n FROM meta').get();
  assert.ok(Number(highest?.['m']) >= confirmed, `${highest?.['m']} < ${confirmed}`);
  assert.equal(Number(highest?.['n']), Number(highest?.['m']) + 1, 'no gap');
  db.close();
});

function mountsAllowed(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', root], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const canMount = mountsAllowed();
test(`a full disk is a typed error, the process lives and stores again when there is space${
  canMount ? '' : ' (skipped: no permission to mount a tmpfs)'
}`, { skip: !canMount }, () => {
  const dir = mkdtempSync(join(root, 'full-'));
  const output = execFileSync(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs -o size=1m none "$1" && exec "$0" --input-type=module -e "$2" "$1"',
      process.execPath,
      dir,
      `${prelude}
       import { writeFileSync, rmSync } from 'node:fs';
       const dir = process.argv[1];
       const store = await open(dir + '/edgecore.db');
       await store.write(put('before'));
       try { writeFileSync(dir + '/ballast', Buffer.alloc(2_000_000)); } catch {}
       const outcomes = await Promise.allSettled(
         Array.from({ length: 40 }, (_, i) => store.write(put('big' + i, 'x'.repeat(50_000)))));
       const codes = new Set(outcomes.filter((o) => o.status === 'rejected').map((o) => o.reason.code));
       rmSync(dir + '/ballast');
       await store.write(put('after'));
       const rows = await store.read({ sql: "SELECT key FROM meta WHERE key IN ('before', 'after') ORDER BY key" });
       console.log(JSON.stringify({ codes: [...codes], rows: rows.map((r) => r.key) }));
       await store.close();`,
    ],
    { encoding: 'utf8' },
  );
  assert.deepEqual(JSON.parse(output), { codes: ['STORE_FULL'], rows: ['after', 'before'] });
});
