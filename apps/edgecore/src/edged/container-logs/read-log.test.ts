import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { type LogReading, openContainerLog } from './read-log.ts';

let dir: string;
let log: string;
let running: boolean;
/** While set, no time passes for the reader; its timers go on. */
let frozenAt: number | undefined;
const clock = { ...systemClock, monotonic: () => frozenAt ?? systemClock.monotonic() };
const live = new AbortController().signal;
const line = (text: string): string => `2026-11-22T14:08:49.123Z stdout F ${text}\n`;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-log-'));
  log = join(dir, '0.log');
  running = true;
  frozenAt = undefined;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (reading: LogReading = {}) =>
  openContainerLog(log, reading, { clock, isRunning: async () => running });

async function all(reading: LogReading = {}): Promise<string> {
  const parts: Buffer[] = [];
  const opened = await open(reading);
  await opened.stream(async (text) => void parts.push(Buffer.from(text)), live);
  return Buffer.concat(parts).toString();
}

/** A reader that follows; `until` waits for what it must have got. */
async function follow(reading: LogReading = {}, signal: AbortSignal = live) {
  const opened = await open({ ...reading, follow: true });
  const reader = {
    text: '',
    hold: undefined as Promise<void> | undefined,
    done: Promise.resolve(),
    async until(text: string) {
      for (const deadline = Date.now() + 5_000; reader.text !== text; ) {
        assert.ok(Date.now() < deadline, `got ${JSON.stringify(reader.text.slice(-300))}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
  reader.done = opened.stream(async (text) => {
    reader.text += Buffer.from(text).toString();
    await reader.hold;
  }, signal);
  return reader;
}

const rotate = async (name: string): Promise<void> => {
  await rename(log, join(dir, name));
  await writeFile(log, '');
};

/** The reader has noticed the file that stands at the log's path now and holds it open. */
async function isHeld(): Promise<boolean> {
  const numbers = await readdir('/proc/self/fd');
  const links = await Promise.all(numbers.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return links.includes(log);
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await what()); ) {
    assert.ok(Date.now() < deadline, 'not within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a container log', () => {
  test('is read from its beginning or from its last lines', async () => {
    await writeFile(log, ['a', 'b', 'c'].map(line).join(''));
    assert.equal(await all(), 'a\nb\nc\n');
    assert.equal(await all({ tailLines: 2 }), 'b\nc\n');
    assert.equal(await all({ tailLines: 0 }), '');
  });

  test('is read through a link', async () => {
    await writeFile(join(dir, 'elsewhere.log'), line('a'));
    await symlink(join(dir, 'elsewhere.log'), log);
    assert.equal(await all(), 'a\n');
  });

  test('that is not there is the file system’s error', async () => {
    await assert.rejects(open(), { code: 'ENOENT' });
    await assert.rejects(open({ follow: true }), { code: 'ENOENT' });
  });

  test('not followed, it ends where it ended when it was opened, however fast it grows', async () => {
    await writeFile(log, line('a'));
    const opened = await open();
    let text = '';
    await opened.stream(async (part) => {
      text += Buffer.from(part).toString();
      await appendFile(log, line('more'));
    }, live);
    assert.equal(text, 'a\n');
  });

  test('is read no faster than its reader takes it', async () => {
    await writeFile(log, line('x'.repeat(99)).repeat(10_000));
    const opened = await open();
    let open_ = 0;
    let most = 0;
    let bytes = 0;
    await opened.stream(async (part) => {
      open_ += 1;
      most = Math.max(most, open_);
      bytes += part.length;
      await new Promise((resolve) => setImmediate(resolve));
      open_ -= 1;
    }, live);
    assert.equal(most, 1);
    assert.equal(bytes, 1_000_000);
  });

  test('a reader that goes away ends it', async () => {
    await writeFile(log, line('a').repeat(10_000));
    const gone = new AbortController();
    const opened = await open({ follow: true });
    const streaming = opened.stream(async () => gone.abort(new Error('gone')), gone.signal);
    await assert.rejects(streaming, /gone/);
    const refused = await open();
    await assert.rejects(
      refused.stream(() => Promise.reject(new Error('broken')), live),
      /broken/,
    );
  });
});

describe('a container log that is followed', () => {
  test('tells what comes, also half a record at a time, and ends with the container', async () => {
    await writeFile(log, line('a'));
    const reader = await follow();
    await reader.until('a\n');
    const rest = line('bcd');
    await appendFile(log, rest.slice(0, 10));
    await appendFile(log, rest.slice(10, -2));
    await reader.until('a\nbc');
    await appendFile(log, rest.slice(-2));
    await reader.until('a\nbcd\n');
    running = false;
    await appendFile(log, line('last'));
    await reader.done;
    assert.equal(reader.text, 'a\nbcd\nlast\n');
  });

  test('tells only what comes when no line of before is asked for', async () => {
    await writeFile(log, line('old'));
    const reader = await follow({ tailLines: 0 });
    await appendFile(log, line('new'));
    await reader.until('new\n');
    running = false;
    await reader.done;
  });

  test('goes on across a rotation; what the runtime still writes to the old file comes first', async () => {
    await writeFile(log, line('a'));
    const reader = await follow();
    await reader.until('a\n');
    frozenAt = clock.monotonic();
    await rotate('0.log.1');
    await until(isHeld);
    // the reader has had every occasion to go on to the new file
    await new Promise((resolve) => setTimeout(resolve, 50));
    await appendFile(join(dir, '0.log.1'), line('late'));
    await appendFile(log, line('b'));
    frozenAt = undefined;
    await reader.until('a\nlate\nb\n');
    running = false;
    await reader.done;
  });

  test('a held-up reader loses nothing over several rotations, though the files are gone by then', async () => {
    await writeFile(log, line('0'));
    const reader = await follow();
    await reader.until('0\n');
    const held = Promise.withResolvers<void>();
    reader.hold = held.promise;
    await appendFile(log, line('1'));
    await reader.until('0\n1\n');
    for (const turn of [2, 3, 4]) {
      await appendFile(log, line(`${turn}`));
      await rotate(`0.log.${turn}`);
      await until(isHeld);
      await rm(join(dir, `0.log.${turn}`));
    }
    await appendFile(log, line('end'));
    held.resolve();
    reader.hold = undefined;
    await reader.until('0\n1\n2\n3\n4\nend\n');
    running = false;
    await reader.done;
  });

  test('a reader that falls hopelessly behind is told so', async () => {
    await writeFile(log, line('0'));
    const reader = await follow();
    const failed = assert.rejects(reader.done, (error) => isKubeEdgeError(error, 'EDGED_LOG_OVERRUN'));
    await reader.until('0\n');
    const held = Promise.withResolvers<void>();
    reader.hold = held.promise;
    await appendFile(log, line('1'));
    await reader.until('0\n1\n');
    for (let turn = 0; turn < 8; turn++) {
      await rotate(`0.log.${turn}`);
      await until(isHeld);
    }
    await rotate('0.log.8');
    held.resolve();
    reader.hold = undefined;
    await failed;
  });

  test('a rotation at the very end of the container loses nothing', async () => {
    await writeFile(log, line('a'));
    const reader = await follow();
    await reader.until('a\n');
    await rotate('0.log.1');
    await appendFile(log, line('b'));
    running = false;
    await reader.done;
    assert.equal(reader.text, 'a\nb\n');
  });

  test('the limit ends it', async () => {
    await writeFile(log, line('abc'));
    const reader = await follow({ limitBytes: 2 });
    await reader.done;
    assert.equal(reader.text, 'ab');
  });
});
