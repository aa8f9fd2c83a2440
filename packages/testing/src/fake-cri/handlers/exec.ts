import type { Backend, ExecResult, Handlers } from '../backend.ts';
import type { FakeContainer } from '../fake-runtime.ts';
import { DEADLINE_EXCEEDED, INVALID_ARGUMENT, NOT_FOUND, Refusal, UNKNOWN } from '../refusal.ts';
import { type FakeProcess, type FakeProcessOptions, startFakeProcess } from '../shell/fake-process.ts';
import { NoSuchCommand } from '../shell/process.ts';
import { isKnown } from '../shell/shell.ts';
import { attachSession, execSession, portForwardSession } from '../streaming/sessions.ts';

/** Commands in containers, and the URLs of the streaming server. */
export function execHandlers(backend: Backend): Handlers {
  const { runtime, personality, streaming, settings } = backend;

  const running = (containerId: string): FakeContainer => {
    const container = runtime.container(containerId);
    if (!container.isRunning) {
      throw new Refusal(personality.execExited, 'container is in CONTAINER_EXITED state');
    }
    return container;
  };
  const checkStreams = (tty: boolean, stdin: boolean, stdout: boolean, stderr: boolean): void => {
    if (!stdin && !stdout && !stderr) {
      throw new Refusal(INVALID_ARGUMENT, 'one of stdin, stdout, or stderr must be set');
    }
    if (tty && stderr) throw new Refusal(INVALID_ARGUMENT, 'tty and stderr cannot both be true');
  };

  return {
    async ExecSync({ containerId, cmd, timeout }, signal) {
      const container = running(containerId);
      const scripted = await settings.exec(container.id, cmd);
      if (scripted !== undefined) return answerOf(scripted);
      refuseUnknown(backend, cmd);
      const { result, late } = await runToEnd(backend, container, cmd, timeout * 1000, signal);
      if (!late) return answerOf(result);
      if (personality.execTimeout === 'answer') {
        return answerOf({ stderr: 'command timed out', exitCode: -1 });
      }
      throw new Refusal(
        DEADLINE_EXCEEDED,
        `failed to exec in container: timeout ${timeout}s exceeded: context deadline exceeded`,
      );
    },
    async Exec({ containerId, cmd, tty, stdin, stdout, stderr }) {
      checkStreams(tty, stdin, stdout, stderr);
      const container = running(containerId);
      const scripted = await settings.exec(container.id, cmd);
      const session = execSession((output) =>
        scripted === undefined
          ? start(backend, container, cmd, stdin, output)
          : startScripted(scripted, container, output),
      );
      return { url: streaming.url('exec', session) };
    },
    Attach({ containerId, tty, stdin, stdout, stderr }) {
      checkStreams(tty, stdin, stdout, stderr);
      const container = running(containerId);
      return { url: streaming.url('attach', attachSession(container, stdin)) };
    },
    PortForward({ podSandboxId, port }) {
      const sandbox = runtime.sandbox(podSandboxId);
      if (!sandbox.ready) throw new Refusal(UNKNOWN, 'sandbox container is not running');
      const session = portForwardSession(port, (number) => settings.portForward(sandbox.id, number));
      return { url: streaming.url('portforward', session) };
    },
  };
}

function answerOf({ stdout = '', stderr = '', exitCode = 0 }: ExecResult): object {
  return { stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), exitCode };
}

function refuseUnknown({ strictCommands }: Backend, cmd: readonly string[]): void {
  if (cmd.length === 0) throw new Refusal(UNKNOWN, 'OCI runtime exec failed: args must not be empty');
  if (!strictCommands || isKnown(cmd)) return;
  const { message } = new NoSuchCommand(cmd[0] ?? '');
  throw new Refusal(UNKNOWN, `OCI runtime exec failed: unable to start container process: ${message}`);
}

/** A command that the fake does not know succeeds, and says nothing. */
function start(
  backend: Backend,
  container: FakeContainer,
  cmd: readonly string[],
  stdin: boolean,
  output: FakeProcessOptions['output'],
): FakeProcess {
  const { hurry, strictCommands } = backend;
  const { env, uid, files } = container;
  const process = startFakeProcess({
    argv: cmd,
    env,
    uid,
    files,
    hurry,
    stdin,
    hostname: env['HOSTNAME'] ?? '',
    output,
  });
  if (!isKnown(cmd)) process.end(strictCommands ? 126 : 0);
  void container.ended.then(() => process.end(137));
  return process;
}

function startScripted(
  { stdout = '', stderr = '', exitCode = 0 }: ExecResult,
  container: FakeContainer,
  output: FakeProcessOptions['output'],
): FakeProcess {
  if (stdout !== '') output('stdout', Buffer.from(stdout));
  if (stderr !== '') output('stderr', Buffer.from(stderr));
  const { env, uid, files } = container;
  const process = startFakeProcess({
    argv: [],
    env,
    uid,
    files,
    hurry: 1,
    stdin: false,
    hostname: '',
    output,
  });
  process.end(exitCode);
  return process;
}

async function runToEnd(
  backend: Backend,
  container: FakeContainer,
  cmd: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ result: ExecResult; late: boolean }> {
  const said = { stdout: '', stderr: '' };
  const process = start(backend, container, cmd, false, (stream, bytes) => {
    said[stream] += bytes.toString();
  });
  let late = false;
  const timer =
    timeoutMs <= 0
      ? undefined
      : setTimeout(() => {
          late = true;
          process.end(137);
        }, timeoutMs / backend.hurry);
  const onAbort = (): void => process.end(137);
  signal.addEventListener('abort', onAbort);
  const exitCode = await process.exited;
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);
  if (!late && !container.isRunning) throw new Refusal(NOT_FOUND, 'the container ended');
  return { result: { ...said, exitCode }, late };
}
