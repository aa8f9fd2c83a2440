import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginRegistrationClient } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { createPluginRegistry } from './registry.ts';

let dir: string;
let servers: Server[];
let stop: AbortController;
let running: Promise<void>;
/** `register a`, `unregister a`, `told true`, oldest first. */
let story: string[];
let problem: string | undefined;
let info: { type: string; name: string; endpoint: string };
/** Time runs a hundred times as fast. */
const clock = { ...systemClock, after: (ms: number, task: () => void) => systemClock.after(ms / 100, task) };

async function socket(path: string): Promise<() => Promise<void>> {
  await mkdir(join(dir, path, '..'), { recursive: true });
  const server = createServer().listen(join(dir, path));
  await new Promise((resolve) => server.once('listening', resolve));
  servers.push(server);
  return () => new Promise((resolve) => void server.close(() => resolve()));
}
async function until(look: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !look(); ) {
    assert.ok(Date.now() < deadline, JSON.stringify(story));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the registry of plugins', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-reg-'));
    servers = [];
    story = [];
    problem = undefined;
    info = { type: 'CSIPlugin', name: 'a', endpoint: '' };
    stop = new AbortController();
    const client = {
      endpoint: '',
      close: () => {},
      getInfo: async () => ({ ...info, supportedVersions: ['1.0.0'] }),
      notifyRegistrationStatus: async ({ pluginRegistered = false, error = '' }) => {
        story.push(`told ${pluginRegistered}${error === '' ? '' : ` ${error}`}`);
        return {};
      },
    };
    running = createPluginRegistry({
      dir,
      handlers: {
        CSIPlugin: {
          async register({ name, endpoint }) {
            if (problem !== undefined) throw new Error(problem);
            story.push(`register ${name} ${endpoint.slice(dir.length)}`);
          },
          unregister: (name) => void story.push(`unregister ${name}`),
        },
      },
      connect: () => client as unknown as PluginRegistrationClient,
      clock,
      random: seededRandom(1),
      log: silentLogger,
    }).run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
    for (const server of servers) server.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('a plugin is asked who it is, taken, told so, and let go when its socket goes', async () => {
    const close = await socket('deep/a-reg.sock');
    await until(() => story.length === 2);
    assert.deepEqual(story, ['register a /deep/a-reg.sock', 'told true']);
    await close();
    await until(() => story.length === 3);
    assert.equal(story[2], 'unregister a');
    await socket('deep/a-reg.sock');
    await until(() => story.length === 5);
  });

  test('what is no socket, and what is hidden, is no plugin', async () => {
    await writeFile(join(dir, 'file'), '');
    await socket('.hidden.sock');
    await socket('seen.sock');
    await until(() => story.length === 2);
    assert.deepEqual(story, ['register a /seen.sock', 'told true']);
  });

  test('a refused plugin is told why and asked again, less and less often', async () => {
    problem = 'too old';
    await socket('a.sock');
    await until(() => story.length >= 3);
    assert.ok(story.every((line) => line === 'told false RegisterPlugin error -- too old'));
    problem = undefined;
    await until(() => story.at(-1) === 'told true');
  });

  test('a type that nobody takes is told so', async () => {
    info.type = 'DRAPlugin';
    await socket('a.sock');
    await until(() => story.length >= 1);
    assert.match(
      story[0] ?? '',
      /^told false RegisterPlugin error -- no handler registered for plugin type: DRAPlugin at socket/,
    );
  });
});
