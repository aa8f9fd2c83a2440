import type { Duplex } from 'node:stream';
import type { FakeContainer } from '../fake-runtime.ts';
import type { FakeProcess } from '../shell/fake-process.ts';
import type { Channels } from './channels.ts';
import type { Session } from './server.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3 } as const;

/** Runs a command when its client has come. `start` gets where its output goes. */
export function execSession(
  start: (output: (stream: 'stdout' | 'stderr', bytes: Buffer) => void) => FakeProcess,
): Session {
  return (channels) => {
    channels.send(CHANNEL.stdout, Buffer.alloc(0));
    const process = start((stream, bytes) => channels.send(CHANNEL[stream], bytes));
    channels.onData((channel, bytes) => {
      if (channel === CHANNEL.stdin) process.write(bytes);
    });
    channels.onClose(() => process.end(137));
    void process.exited.then((exitCode) => finish(channels, exitCode));
  };
}

/** The container's own streams, until it ends or the client leaves. */
export function attachSession(container: FakeContainer, stdin: boolean): Session {
  return (channels) => {
    channels.send(CHANNEL.stdout, Buffer.alloc(0));
    const detach = container.attach((stream, bytes) => channels.send(CHANNEL[stream], bytes));
    channels.onData((channel, bytes) => {
      if (stdin && channel === CHANNEL.stdin) container.write(bytes);
    });
    channels.onClose(() => {
      detach();
      if (container.config.stdinOnce) container.endInput();
    });
    void container.ended.then(() => finish(channels, 0));
  };
}

/** Two channels a port, data and error, each beginning with the port's number. */
export function portForwardSession(ports: readonly number[], connect: (port: number) => Duplex): Session {
  return (channels) => {
    const peers = ports.map((port, index) => {
      const number = Buffer.alloc(2);
      number.writeUInt16LE(port);
      channels.send(2 * index, number);
      channels.send(2 * index + 1, number);
      const peer = connect(port);
      peer.on('data', (bytes: Buffer) => channels.send(2 * index, bytes));
      peer.on('error', (error: Error) => channels.send(2 * index + 1, Buffer.from(error.message)));
      return peer;
    });
    channels.onData((channel, bytes) => peers[channel / 2]?.write(bytes));
    channels.onClose(() => {
      for (const peer of peers) peer.destroy();
    });
  };
}

function finish(channels: Channels, exitCode: number): void {
  if (channels.hasStatus) channels.send(CHANNEL.status, Buffer.from(JSON.stringify(statusOf(exitCode))));
  channels.close();
}

function statusOf(exitCode: number): object {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}
