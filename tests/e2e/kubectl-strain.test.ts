import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Kubectl, type Site, startSite, until } from '@kubeedge-ts/testing/site';
import { applyPods, kubeletReachable, podRuns, STAY, shellPod } from './lib/edge-shell.ts';

// Much of it, for long, and clients that vanish: what kubectl does to a node must cost no memory, no descriptors and no
// other stream. Runs in the namespaces of scripts/run-tests.mjs.

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'strain');
const NODE = 'edge-strain';

const LOG_LINES = 1_000_000;
const LOG_LINE_BYTES = 1_000;
const COPY_BYTES = 200 * 1024 * 1024;
const PARALLEL = 50;
const SEQUENTIAL = 500;
const VANISHING = 200;

/** Line `index` of the large log, as the container's awk prints it. */
const logLine = (index: number): string =>
  `${index}`
    .padStart(10, '0')
    .padEnd(LOG_LINE_BYTES - 1, 'x')
    .concat('\n');

interface Footprint {
  readonly name: string;
  readonly descriptors: number;
  readonly megabytes: number;
}

function footprint(name: string, pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  return { name, descriptors: readdirSync(`/proc/${pid}/fd`).length, megabytes: kilobytes / 1024 };
}

describe('kubectl at the edge under strain', { timeout: 900_000 }, () => {
  let site: Site;
  let kubectl: Kubectl;

  const footprints = (): Footprint[] => [
    footprint('cloudcore', site.cloud.cloudcore()?.pid ?? -1),
    footprint('edgecore', site.edge.edgecore()?.pid ?? -1),
  ];
  const exec = (script: string) => kubectl.raw(['exec', 'shell', '--', 'sh', '-c', script]);

  before(async () => {
    site = await startSite({
      root,
      dir,
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      nodeName: NODE,
      kubeconfig: process.env['KUBECONFIG'] || undefined,
    });
    ({ kubectl } = site.cloud);
    await kubeletReachable(kubectl, NODE);
    await applyPods(kubectl, [shellPod('shell', NODE, STAY)]);
    await podRuns(kubectl, 'shell');
  });
  after(() => site?.stop());

  test('logs -f carries 1 GB across rotations, every byte once', async (t) => {
    const script = `while [ ! -e /go ]; do sleep 0.1; done; exec awk 'BEGIN { pad = sprintf("%${LOG_LINE_BYTES - 11}s", ""); gsub(/ /, "x", pad); for (i = 1; i <= ${LOG_LINES}; i++) printf "%010d%s\\n", i, pad }'`;
    await applyPods(kubectl, [shellPod('torrent', NODE, script, { restartPolicy: 'Never' })]);
    await podRuns(kubectl, 'torrent');
    const follower = kubectl.start(['logs', '-f', 'torrent']);
    const seen = createHash('sha256');
    let bytes = 0;
    follower.stdout.on('data', (part: Buffer) => {
      seen.update(part);
      bytes += part.length;
    });
    let said = '';
    follower.stderr.setEncoding('utf8').on('data', (part: string) => {
      said += part;
    });
    const begun = performance.now();
    await kubectl(['exec', 'torrent', '--', 'touch', '/go']);
    const [code] = (await once(follower, 'close')) as [number];
    const seconds = (performance.now() - begun) / 1_000;
    t.diagnostic(`${bytes} bytes in ${seconds.toFixed(1)} s`);
    assert.equal(code, 0, said);

    const expected = createHash('sha256');
    for (let line = 1; line <= LOG_LINES; line++) expected.update(logLine(line));
    assert.equal(bytes, LOG_LINES * LOG_LINE_BYTES);
    assert.equal(seen.digest('hex'), expected.digest('hex'));
    const logs = join(dir, 'edge/pod-logs');
    const folder = readdirSync(logs).find((name) => name.startsWith('default_torrent_')) ?? '';
    const files = readdirSync(join(logs, folder, 'main'));
    assert.ok(files.length > 1, `not rotated: ${files.join()}`);
    await kubectl(['delete', 'pod', 'torrent']);
  });

  test('cp carries 200 MB there and back, unchanged', async (t) => {
    const there = join(dir, 'there');
    const back = join(dir, 'back');
    const file = openSync(there, 'w');
    for (let written = 0; written < COPY_BYTES; written += 1 << 20) writeSync(file, randomBytes(1 << 20));
    closeSync(file);
    const sum = await checksum(there);

    const begun = performance.now();
    await kubectl(['cp', there, 'shell:/tmp/there']);
    const middle = performance.now();
    assert.match((await exec('sha256sum /tmp/there')).stdout, new RegExp(`^${sum} `));
    const again = performance.now();
    await kubectl(['cp', 'shell:/tmp/there', back]);
    const speed = (ms: number): string => `${Math.round(COPY_BYTES / 1e3 / ms)} MB/s`;
    t.diagnostic(`there ${speed(middle - begun)}, back ${speed(performance.now() - again)}`);
    assert.equal(await checksum(back), sum);
    await exec('rm /tmp/there');
    await Promise.all([rm(there), rm(back)]);
  });

  test('50 execs at once, each with its own output and exit code', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: PARALLEL }, (_, index) => exec(`echo number ${index}; exit ${index}`)),
    );
    for (const [index, { code, stdout, stderr }] of outcomes.entries())
      assert.deepEqual([code, stdout], [index, `number ${index}\n`], stderr);
  });

  test('500 execs in sequence, each right, and nothing grows', async (t) => {
    const turn = async (index: number): Promise<void> => {
      const { code, stdout, stderr } = await exec(`echo turn ${index}; exit ${index % 100}`);
      assert.deepEqual([code, stdout], [index % 100, `turn ${index}\n`], stderr);
    };
    const half = SEQUENTIAL / 2;
    for (let index = 0; index < half; index++) await turn(index);
    const before = await settled(footprints);
    for (let index = half; index < SEQUENTIAL; index++) await turn(index);
    const now = await settled(footprints);
    for (const [index, { name, descriptors, megabytes }] of now.entries()) {
      const earlier = before[index] as Footprint;
      t.diagnostic(
        `${name}: ${earlier.descriptors} then ${descriptors} descriptors, ${earlier.megabytes.toFixed(1)} then ${megabytes.toFixed(1)} MB`,
      );
      assert.ok(descriptors <= earlier.descriptors + 2, `${name} holds ${descriptors} descriptors`);
      assert.ok(megabytes < earlier.megabytes + 8, `${name} grew to ${megabytes} MB`);
    }
  });

  test('200 clients that are killed in the middle leave nothing behind, and no other stream notices', async (t) => {
    const witness = kubectl.start([
      'exec',
      '-i',
      'shell',
      '--',
      'sh',
      '-c',
      'while read word; do echo got $word; done',
    ]);
    let heard = '';
    witness.stdout.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    const ask = async (word: string): Promise<void> => {
      witness.stdin.write(`${word}\n`);
      await until(`an answer to ${word}`, () => heard.includes(`got ${word}\n`), {
        timeoutMs: 20_000,
        everyMs: 10,
      });
    };
    try {
      await ask('first');
      const before = await settled(footprints);
      for (let turn = 0; turn < VANISHING; turn += 10) {
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const client = kubectl.start(['exec', '-i', 'shell', '--', 'sh', '-c', 'echo begun; exec cat']);
            client.stdin.on('error', () => undefined);
            await once(client.stdout, 'data');
            client.kill('SIGKILL');
            await once(client, 'close');
          }),
        );
        await ask(`turn-${turn}`);
      }
      for (const [index, { name, descriptors }] of before.entries())
        await until(
          `${name} has let go of what the killed held`,
          () => (footprints()[index] as Footprint).descriptors <= descriptors + 2,
          { timeoutMs: 60_000 },
        );
      t.diagnostic(JSON.stringify(footprints()));
      await until(
        'no process of theirs is left in the container',
        async () => !(await exec('ps | grep -c "[c]at$"')).stdout.trim().match(/[1-9]/),
        { timeoutMs: 60_000 },
      );
    } finally {
      witness.kill();
    }
  });

  for (const how of process.env['KUBECONFIG'] ? (['stop'] as const) : (['stop', 'kill'] as const)) {
    const restarts = how === 'stop' ? 'restarts' : 'is killed and started again (told by standalone)';
    test(`an exec open while cloudcore ${restarts} ends with an error that says so, and the next one works`, async () => {
      const client = kubectl.start(['exec', '-i', 'shell', '--', 'sh', '-c', 'echo begun; exec cat']);
      let said = '';
      client.stderr.setEncoding('utf8').on('data', (part: string) => {
        said += part;
      });
      const closed = once(client, 'close');
      await once(client.stdout, 'data');
      await site.cloud.stopCloudcore(how);
      const [code] = (await closed) as [number | null];
      assert.notEqual(code, 0);
      assert.match(
        said,
        how === 'stop'
          ? /the connection to node edge-strain was lost/
          : /the connection to the node was lost/,
      );
      const meanwhile = await exec('true');
      assert.notEqual(meanwhile.code, 0);
      assert.match(meanwhile.stderr, /error dialing backend|connection refused/);
      await site.cloud.startCloudcore();
      const { stdout } = await until(
        'exec works again',
        async () => {
          const result = await exec('echo again');
          return result.code === 0 ? result : undefined;
        },
        { timeoutMs: 60_000 },
      );
      assert.equal(stdout, 'again\n');
    });
  }
});

/** The figures once two looks in a row agree on the descriptors. */
async function settled(look: () => Footprint[]): Promise<Footprint[]> {
  let last = '';
  return until(
    'descriptors stay as they are',
    () => {
      const now = look();
      const descriptors = now.map((one) => one.descriptors).join();
      const same = descriptors === last;
      last = descriptors;
      return same ? now : undefined;
    },
    { timeoutMs: 60_000, everyMs: 1_000 },
  );
}

async function checksum(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path);
  for await (const part of file.createReadStream()) hash.update(part as Buffer);
  return hash.digest('hex');
}
