import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { until } from '../../../edgehub/testing/manual-clock.ts';
import { systemLogind } from './logind.ts';

const TOOLS = ['/usr/bin/busctl', '/usr/bin/dbus-daemon', '/usr/bin/dbus-send', '/usr/bin/setpriv'];
const missing = TOOLS.find((path) => !existsSync(path));
const why =
  missing === undefined ? '' : ` (skipped: ${missing} is not installed; Debian packages systemd, dbus)`;

/** A system bus of its own; logind itself cannot run without systemd as the first process, so its tools answer by script. */
describe(`logind through its tools, on a real message bus (answers by script)${why}`, {
  skip: missing !== undefined,
}, () => {
  let dir: string;
  let bus: ChildProcess;
  let env: NodeJS.ProcessEnv;

  const script = async (name: string, lines: readonly string[]): Promise<void> => {
    await writeFile(join(dir, name), ['#!/bin/sh', ...lines, ''].join('\n'));
    await chmod(join(dir, name), 0o755);
  };
  const send = (member: string, begins: boolean): void => {
    const signal = `org.freedesktop.login1.Manager.${member}`;
    execFileSync(
      'dbus-send',
      ['--system', '--type=signal', '/org/freedesktop/login1', signal, `boolean:${begins}`],
      { env },
    );
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-dbus-'));
    await writeFile(
      join(dir, 'bus.conf'),
      `<busconfig><type>system</type><listen>unix:path=${dir}/bus</listen><auth>EXTERNAL</auth>
      <policy context="default"><allow own="*"/><allow send_destination="*"/><allow send_type="*"/>
      <allow receive_type="*"/><allow eavesdrop="true"/></policy></busconfig>`,
    );
    bus = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'dbus-daemon', `--config-file=${dir}/bus.conf`, '--nofork'],
      {
        stdio: 'ignore',
      },
    );
    env = {
      ...process.env,
      DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/bus`,
      PATH: `${dir}:${process.env['PATH']}`,
    };
    await until(() => existsSync(join(dir, 'bus')), 'the bus');
  });
  after(async () => {
    bus?.kill('SIGKILL');
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  test('a shutdown is heard of, and that it is called off; other signals are not', async () => {
    const told: boolean[] = [];
    const stopping = new AbortController();
    const watch = systemLogind({ env }).watch((begins) => told.push(begins), stopping.signal);
    await watch.ready;
    send('PrepareForSleep', true);
    send('PrepareForShutdown', true);
    send('PrepareForShutdown', false);
    await until(() => told.length === 2);
    assert.deepEqual(told, [true, false]);
    stopping.abort();
    await watch.ended;
  });

  test('a watch ends when the bus does not answer', async () => {
    const lost = { ...env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/nowhere` };
    const { ready, ended } = systemLogind({ env: lost }).watch(() => {}, new AbortController().signal);
    await Promise.all([ready, ended]);
  });

  test('the lock is asked for as logind wants it, held, and given back', async () => {
    // Holds as systemd-inhibit does: it runs the command it is given.
    await script('systemd-inhibit', [
      `printf '%s\\n' "$@" > ${dir}/args`,
      `echo held > ${dir}/state`,
      'cat',
      `echo free > ${dir}/state`,
    ]);
    const lock = await systemLogind({ env }).inhibit();
    assert.deepEqual((await readFile(join(dir, 'args'), 'utf8')).trim().split('\n'), [
      '--what=shutdown',
      '--who=edgecore',
      '--why=Pods need time to end',
      '--mode=delay',
      'cat',
    ]);
    assert.equal((await readFile(join(dir, 'state'), 'utf8')).trim(), 'held');
    await lock.release();
    assert.equal((await readFile(join(dir, 'state'), 'utf8')).trim(), 'free');
  });

  test('a lock that is refused is an error with the reason', async () => {
    await script('systemd-inhibit', ['echo "Failed to inhibit: Access denied" >&2', 'exit 1']);
    await assert.rejects(systemLogind({ env }).inhibit(), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_LOGIND'));
      assert.match(error.message, /Access denied/);
      return true;
    });
  });

  test('how long a shutdown waits is read, and raised by a file of the configuration', async () => {
    await script('busctl', ['echo "t 5000000"']);
    await script('systemctl', [`echo "$@" > ${dir}/systemctl-args`]);
    const logind = systemLogind({ env, configDir: join(dir, 'logind.conf.d') });
    assert.equal(await logind.delayMs(), 5_000);
    await logind.raiseDelay(30_500);
    assert.match(
      await readFile(join(dir, 'logind.conf.d/99-kubelet.conf'), 'utf8'),
      /^\[Login\]\nInhibitDelayMaxSec=31$/m,
    );
    assert.equal(
      (await readFile(join(dir, 'systemctl-args'), 'utf8')).trim(),
      'kill --signal=HUP systemd-logind.service',
    );
    await script('busctl', ['echo "s nonsense"']);
    await assert.rejects(logind.delayMs(), (error) => isKubeEdgeError(error, 'EDGED_LOGIND'));
    await rm(join(dir, 'busctl'));
  });
});
