import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { type Message, newMessage, responseTo } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { type Bus, createBus } from './bus.ts';
import { createUnixSocketClient, createUnixSocketServer, type RemoteBus } from './unix-socket.ts';

/** The end of a socket, with or without an error. */
const ended = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

let count = 0;
const origin = { now: () => 1, uuid: () => `id-${++count}` };
const message = (content: unknown = 'hello'): Message =>
  newMessage(origin, { source: 'a', group: 'g', operation: 'query', resource: 'default/pod/x', content });
const hasCode = (code: string) => (error: unknown) => isKubeEdgeError(error, code);

async function scene(t: TestContext): Promise<{ bus: Bus; path: string; client(): Promise<RemoteBus> }> {
  const folder = await mkdtemp(join(tmpdir(), 'kubeedge-bus-'));
  const path = join(folder, 'bus.sock');
  const bus = createBus(systemClock);
  const server = await createUnixSocketServer(bus, path, { log: silentLogger });
  const clients: RemoteBus[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.close();
    await rm(folder, { recursive: true });
  });
  const client = async (): Promise<RemoteBus> => {
    const connected = await createUnixSocketClient(path);
    clients.push(connected);
    return connected;
  };
  return { bus, path, client };
}

it('send and sendToGroup reach modules in the other process, in order, with the same errors', async (t) => {
  const { bus, client } = await scene(t);
  const remote = await client();
  const a = bus.register({ module: 'a', group: 'g' });
  const b = bus.register({ module: 'b', group: 'g', capacity: 1, overflow: 'reject' });
  const messages = Array.from({ length: 200 }, (_, i) => message({ i, text: 'grüße 🌍\n' }));
  await Promise.all(messages.map((one) => remote.send('a', one)));
  for (const one of messages) assert.deepEqual(await a.mailbox.take(), one);
  const last = message('to all');
  await remote.sendToGroup('g', last);
  assert.deepEqual([await a.mailbox.take(), b.mailbox.size], [last, 1]);
  await assert.rejects(remote.send('b', message()), hasCode('MESSAGE_MAILBOX_FULL'));
  await assert.rejects(remote.send('nobody', message()), (error) => {
    assert.ok(isKubeEdgeError(error, 'MESSAGE_MODULE_UNKNOWN'));
    assert.match(error.message, /nobody/);
    return true;
  });
});

it('sendAndWait brings the answer back, a timeout, or the reason of its signal', async (t) => {
  const { bus, client } = await scene(t);
  const remote = await client();
  const server = bus.register({ module: 'server', group: 'g' });
  const answered = remote.sendAndWait('server', message());
  const request = (await server.mailbox.take()) as Message;
  bus.respond(responseTo(origin, request, { pods: [] }));
  assert.deepEqual((await answered).content, { pods: [] });
  const late = remote.sendAndWait('server', message(), { timeoutMs: 10 });
  await assert.rejects(late, hasCode('MESSAGE_TIMEOUT'));
  await server.mailbox.take();
  const stop = new AbortController();
  const aborted = remote.sendAndWait('server', message(), { signal: stop.signal });
  const unanswered = (await server.mailbox.take()) as Message;
  stop.abort(new Error('stopping'));
  await assert.rejects(aborted, /stopping/);
  await remote.send('server', message());
  assert.equal(bus.respond(responseTo(origin, unanswered, 'late')), false, 'the other process waits no more');
});

it('a module registered from another process receives, answers, and is gone when its process goes', async (t) => {
  const { bus, client } = await scene(t);
  const [remote, other] = [await client(), await client()];
  const { mailbox } = await remote.register({ module: 'mapper', group: 'devices' });
  await assert.rejects(other.register({ module: 'mapper', group: 'x' }), /registered twice/);
  const answered = bus.sendAndWait('mapper', message('question'));
  const request = (await mailbox.take()) as Message;
  assert.equal(await remote.respond(responseTo(origin, request, 'answer')), true);
  assert.equal((await answered).content, 'answer');
  assert.equal(await remote.respond(message()), false);
  const many = Array.from({ length: 100 }, (_, i) => message(i));
  for (const one of many) await other.send('mapper', one);
  for (const one of many) assert.deepEqual(await mailbox.take(), one);
  remote.close();
  await remote.closed;
  assert.equal(await mailbox.take(), undefined);
  const gone = async (): Promise<boolean> =>
    bus.send('mapper', message()).then(
      () => false,
      (error) => hasCode('MESSAGE_MODULE_UNKNOWN')(error),
    );
  while (!(await gone())) await new Promise(setImmediate);
  await assert.rejects(remote.send('mapper', message()), hasCode('MESSAGE_BUS_CLOSED'));
});

it('a module that leaves can be registered again by anybody', async (t) => {
  const { client } = await scene(t);
  const [one, two] = [await client(), await client()];
  const first = await one.register({ module: 'm', group: 'g' });
  first.close();
  first.close();
  assert.equal(await first.mailbox.take(), undefined);
  // Requests of one connection are served in order, so this one comes after the module has left.
  await assert.rejects(one.send('m', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  const { mailbox } = await two.register({ module: 'm', group: 'g' });
  await one.send('m', message('x'));
  assert.equal((await mailbox.take())?.content, 'x');
});

it('a remote reader that is slow holds its senders back', async (t) => {
  const { bus, client } = await scene(t);
  const remote = await client();
  const { mailbox } = await remote.register({ module: 'slow', group: 'g', capacity: 2 });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 50; sent++) await bus.send('slow', message(sent));
  })();
  await remote.send('slow', message('barrier')).catch(() => undefined);
  assert.ok(sent < 10, `${sent} messages were taken from the sender`);
  const seen: unknown[] = [];
  while (seen.length < 51) seen.push((await mailbox.take())?.content);
  await sending;
  assert.deepEqual(
    seen.filter((content) => content !== 'barrier'),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

it('the socket is for its owner only, and a message of 32 MiB passes', async (t) => {
  const { bus, path, client } = await scene(t);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const { mailbox } = bus.register({ module: 'a', group: 'g' });
  const remote = await client();
  const large = 'x'.repeat(32 * 1_048_576 - 1_000);
  await remote.send('a', message(large));
  assert.equal(String((await mailbox.take())?.content).length, large.length);
});

it('malformed, null and oversized lines end only the connection they came on', async (t) => {
  const { bus, path, client } = await scene(t);
  const remote = await client();
  bus.register({ module: 'a', group: 'g' });
  const lines = [
    'null',
    '[]',
    '""',
    '0',
    'x',
    '{}',
    '{"id":1}',
    '{"id":1,"op":"send"}',
    '{"id":1,"op":"send","to":"a","message":null}',
    '{"id":-1,"op":"send","to":"a"}',
    '{"id":1,"op":"constructor"}',
    '{"__proto__":{"op":"send"}}',
    '{"id":1,"op":"register","address":{"module":"m","group":"g","capacity":1e9}}',
    '['.repeat(10_000),
    '\xff\xfe',
  ];
  for (const line of lines) {
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.write(`${line}\n`);
    socket.resume();
    await ended(socket);
  }
  const endless = connect(path);
  endless.on('error', () => undefined);
  const chunk = Buffer.alloc(1_048_576, 'x');
  const pump = (): void => {
    while (!endless.destroyed && endless.write(chunk));
  };
  endless.on('drain', pump);
  pump();
  await ended(endless);
  await remote.send('a', message());
});

it('a socket left behind by a killed program is replaced; a live one and another file are not', async (t) => {
  const { path } = await scene(t);
  const bus = createBus(systemClock);
  const listen = (at: string) => createUnixSocketServer(bus, at, { log: silentLogger });
  await assert.rejects(listen(path), hasCode('MESSAGE_BUS_LISTEN'));
  const file = `${path}.file`;
  await writeFile(file, 'keep me');
  await assert.rejects(listen(file), hasCode('MESSAGE_BUS_LISTEN'));
  await assert.rejects(listen(join(path, 'below')), hasCode('MESSAGE_BUS_LISTEN'));
  const { spawnSync } = await import('node:child_process');
  const stale = `${path}.stale`;
  const script = `require('node:net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  await chmod(stale, 0o777);
  await assert.rejects(createUnixSocketClient(stale), hasCode('MESSAGE_BUS_CLOSED'));
  const server = await listen(stale);
  assert.equal((await stat(stale)).mode & 0o777, 0o600);
  await server.close();
  await assert.rejects(stat(stale));
});
