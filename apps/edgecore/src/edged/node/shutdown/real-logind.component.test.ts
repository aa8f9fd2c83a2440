import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { Pod } from '@kubeedge-ts/apis';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { until } from '../../../edgehub/testing/manual-clock.ts';
import { pod } from '../../testing/pods.ts';
import { hasSystemd, type PrivateSystemd, startPrivateSystemd } from '../../testing/private-systemd.ts';
import { systemLogind } from './logind.ts';
import { createNodeShutdown, type NodeShutdown } from './node-shutdown.ts';

const LOGIND = `[Unit]
DefaultDependencies=no
Requires=dbus.service
After=dbus.service
[Service]
Type=dbus
BusName=org.freedesktop.login1
ExecStart=/lib/systemd/systemd-logind
`;
const MANAGER = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
const run = promisify(execFile);

describe('a shutdown asked of a real systemd-logind (needs Debian’s systemd and dbus-daemon)', {
  skip: hasSystemd ? false : 'no systemd on this machine',
}, () => {
  let systemd: PrivateSystemd;
  let bin: string;
  let env: NodeJS.ProcessEnv;
  let shutdown: NodeShutdown;
  let pods: Pod[] = [];
  const told: string[] = [];
  const stopping = new AbortController();
  let running: Promise<void>;
  const locks = async (): Promise<string> =>
    (await run('systemd-inhibit', ['--list', '--no-pager'], { env })).stdout;

  before(async () => {
    systemd = await startPrivateSystemd({ services: { 'systemd-logind.service': LOGIND } });
    bin = await mkdtemp(join(tmpdir(), 'kets-bin-'));
    // logind must see the process that asks: it joins the process namespace of this systemd.
    const children = await readFile(`/proc/${systemd.pid}/task/${systemd.pid}/children`, 'utf8');
    const inside = `#!/bin/sh\nexec nsenter --target ${children.trim()} --pid /usr/bin/systemd-inhibit "$@"\n`;
    await writeFile(join(bin, 'systemd-inhibit'), inside);
    await chmod(join(bin, 'systemd-inhibit'), 0o755);
    env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: systemd.bus, PATH: `${bin}:${process.env['PATH']}` };
    const logind = systemLogind({ env, configDir: join(bin, 'logind.conf.d') });
    await until(
      () =>
        logind.delayMs().then(
          () => true,
          () => false,
        ),
      'logind',
    );
    shutdown = createNodeShutdown({
      periods: [
        { priority: 0, seconds: 3 },
        { priority: 2_000_000_000, seconds: 2 },
      ],
      logind,
      present: async () => true,
      pods: () => pods,
      end(uid) {
        told.push(`ends ${pods.find(({ metadata }) => metadata.uid === uid)?.metadata.name}`);
        setTimeout(() => {
          pods = pods.filter(({ metadata }) => metadata.uid !== uid);
        }, 200);
      },
      onChange: () => void told.push(shutdown.active ? 'shutting down' : 'over'),
      events: { node: () => {} },
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
    });
    running = shutdown.run(stopping.signal);
  });
  after(async () => {
    stopping.abort();
    await running;
    await systemd?.stop();
    if (bin !== undefined) await rm(bin, { recursive: true, force: true });
  });

  test('the node holds a delay lock that logind lists', async () => {
    await until(async () => (await locks()).includes('edgecore'), 'the lock');
    assert.match(await locks(), /edgecore .* shutdown .* delay/);
  });

  test('is held up until the pods have ended, ordinary ones first, and then goes on', async () => {
    pods = [pod('system', { priority: 2_000_001_000 }), pod('web')];
    await systemd.busctl(['call', ...MANAGER, 'PowerOff', 'b', 'false']);
    // With the lock released its process 1 ends, and with it its message bus.
    const down = () =>
      systemd.busctl(['call', ...MANAGER.slice(0, 2), 'org.freedesktop.DBus.Peer', 'Ping']).then(
        () => false,
        () => true,
      );
    await until(down, 'the machine to go down');
    assert.deepEqual(told.slice(0, 3), ['shutting down', 'ends web', 'ends system']);
  });
});
