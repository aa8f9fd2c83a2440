import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Message, newMessage, responseTo } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, systemClock } from '@kubeedge-ts/runtime';
import { createBus } from './bus.ts';

let count = 0;
const origin = { now: () => 1, uuid: () => `id-${++count}` };
const message = (content: unknown = 'hello'): Message =>
  newMessage(origin, { source: 'a', group: 'g', operation: 'query', resource: 'default/pod/x', content });
const hasCode = (code: string) => (error: unknown) => isKubeEdgeError(error, code);

/** A clock whose timers fire when told to. */
function manualClock(): { clock: Clock; fire(): void; armed(): number } {
  const timers = new Set<() => void>();
  return {
    clock: {
      ...systemClock,
      after: (_ms, task) => {
        timers.add(task);
        return () => timers.delete(task);
      },
    },
    fire: () => {
      for (const task of [...timers]) task();
      timers.clear();
    },
    armed: () => timers.size,
  };
}

it('send reaches the module, sendToGroup every module of the group and no other', async () => {
  const bus = createBus(systemClock);
  const a = bus.register({ module: 'a', group: 'one' });
  const b = bus.register({ module: 'b', group: 'two' });
  const c = bus.register({ module: 'c', group: 'two' });
  const [first, second] = [message(1), message(2)];
  await bus.send('a', first);
  await bus.sendToGroup('two', second);
  assert.equal(await a.mailbox.take(), first);
  assert.equal(await b.mailbox.take(), second);
  assert.equal(await c.mailbox.take(), second);
  assert.deepEqual([a.mailbox.size, b.mailbox.size, c.mailbox.size], [0, 0, 0]);
});

it('an unknown module and an empty group are errors, also after a module has left', async () => {
  const bus = createBus(systemClock);
  const subscription = bus.register({ module: 'a', group: 'one' });
  await assert.rejects(bus.send('nobody', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  await assert.rejects(bus.sendToGroup('nobody', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  subscription.close();
  await assert.rejects(bus.send('a', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  await assert.rejects(bus.sendToGroup('one', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  bus.register({ module: 'a', group: 'one' });
});

it('a module name is taken once', () => {
  const bus = createBus(systemClock);
  bus.register({ module: 'a', group: 'one' });
  assert.throws(() => bus.register({ module: 'a', group: 'two' }), TypeError);
});

it('sendAndWait gets the answer to its own message, whatever else is answered', async () => {
  const bus = createBus(systemClock);
  const server = bus.register({ module: 'server', group: 'g' });
  const requests = [message(1), message(2)];
  const answers = requests.map((request) => bus.sendAndWait('server', request));
  const [one, two] = [await server.mailbox.take(), await server.mailbox.take()] as [Message, Message];
  assert.equal(bus.respond(message('unasked')), false);
  assert.equal(bus.respond(responseTo(origin, two, 'for two')), true);
  assert.equal(bus.respond(responseTo(origin, one, 'for one')), true);
  assert.deepEqual(
    (await Promise.all(answers)).map(({ content }) => content),
    ['for one', 'for two'],
  );
  assert.equal(bus.respond(responseTo(origin, one, 'again')), false, 'nobody waits any more');
});

it('a missing answer is MESSAGE_TIMEOUT, and a late one is handed to nobody', async () => {
  const { clock, fire } = manualClock();
  const bus = createBus(clock);
  bus.register({ module: 'silent', group: 'g' });
  const request = message();
  const waiting = bus.sendAndWait('silent', request, { timeoutMs: 5 });
  fire();
  await assert.rejects(waiting, hasCode('MESSAGE_TIMEOUT'));
  assert.equal(bus.respond(responseTo(origin, request, 'late')), false);
});

it('a wait ends with the reason of its signal, or with the failure to send; no timer is left', async () => {
  const { clock, armed } = manualClock();
  const bus = createBus(clock);
  bus.register({ module: 'silent', group: 'g' });
  const stop = new AbortController();
  const waiting = bus.sendAndWait('silent', message(), { signal: stop.signal });
  stop.abort(new Error('stopping'));
  await assert.rejects(waiting, /stopping/);
  const before = bus.sendAndWait('silent', message(), { signal: AbortSignal.abort(new Error('before')) });
  await assert.rejects(before, /before/);
  await assert.rejects(bus.sendAndWait('nobody', message()), hasCode('MESSAGE_MODULE_UNKNOWN'));
  assert.equal(armed(), 0);
});

it('a full mailbox tells the sender', async () => {
  const bus = createBus(systemClock);
  bus.register({ module: 'small', group: 'g', capacity: 1, overflow: 'reject' });
  await bus.send('small', message());
  await assert.rejects(bus.send('small', message()), hasCode('MESSAGE_MAILBOX_FULL'));
  await assert.rejects(bus.sendAndWait('small', message()), hasCode('MESSAGE_MAILBOX_FULL'));
});
