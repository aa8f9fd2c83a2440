import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStartOrder, rereadConfig } from './config-child.ts';

const root = mkdtempSync(join(tmpdir(), 'config-child-'));
after(() => rmSync(root, { recursive: true, force: true }));
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

function configFile(name: string, text: string): string {
  const file = join(root, name);
  writeFileSync(file, `apiVersion: edgecore.config.kubeedge.io/v1alpha2\nkind: EdgeCore\n${text}`);
  return file;
}

const cases: readonly [string, string[], number, RegExp][] = [
  ['--version ends with 0', ['--version'], 0, /^kubeedge-ts v/],
  ['--help ends with 0', ['--help'], 0, /^Usage: edgecore /],
  ['--minconfig ends with 0', ['--minconfig'], 0, /containerRuntimeEndpoint/],
  ['--defaultconfig ends with 0', ['--defaultconfig'], 0, /metaManager/],
  ['an unknown option ends with 2', ['--nope'], 2, /unknown option '--nope'/],
  ['a missing file ends with 2 and its path', ['--config', '/nonexistent'], 2, /\/nonexistent/],
  [
    'a field no release knew ends with 2 and its path',
    ['--config', configFile('unknown.yaml', 'modules: {edgeHub: {nope: 1}}\n')],
    2,
    /modules\.edgeHub\.nope/,
  ],
];
for (const [title, args, status, output] of cases) {
  test(title, () => {
    const child = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    assert.equal(child.status, status, child.stderr);
    assert.match(status === 0 ? child.stdout : child.stderr, output);
  });
}

test('the agent gets the configuration with its defaults, its file and the log level', () => {
  const file = configFile('ok.yaml', 'modules: {edged: {hostnameOverride: edge-ä}}\n');
  const order = readStartOrder(['--config', file, '-v', '4']);
  assert.ok(typeof order === 'object');
  assert.equal(order.configFile, file);
  assert.equal(order.logLevel, 'debug');
  assert.equal(order.config.modules.edged.hostnameOverride, 'edge-ä');
  assert.equal(order.config.modules.edgeHub.heartbeat, 15);
});

test('a token put into the file later is seen; a file that became invalid is a typed error', async () => {
  const file = configFile('token.yaml', 'modules: {edgeHub: {token: one}}\n');
  assert.equal((await rereadConfig(file)).modules.edgeHub.token, 'one');
  configFile('token.yaml', 'modules: {edgeHub: {token: two}}\n');
  assert.equal((await rereadConfig(file)).modules.edgeHub.token, 'two');
  configFile('token.yaml', 'modules: {edgeHub: {nope: 1}}\n');
  await assert.rejects(rereadConfig(file), (error: Error & { code: string }) => {
    assert.equal(error.code, 'CONFIG_UNREADABLE');
    assert.match(error.message, /modules\.edgeHub\.nope/);
    return true;
  });
});
