import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Clock, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { createProgram, type Module } from './program.ts';

const options = { log: silentLogger, clock: systemClock };

function recorder(): { events: string[]; module(name: string, changes?: Partial<Module>): Module } {
  const events: string[] = [];
  return {
    events,
    module: (name, changes = {}) => ({
      name,
      async start(signal) {
        events.push(`start ${name}`);
        await changes.start?.(signal);
        events.push(`ready ${name}`);
      },
      async stop() {
        events.push(`stop ${name}`);
        await changes.stop?.();
      },
    }),
  };
}

it('modules start in order, each when the one before is ready, and stop in reverse', async () => {
  const { events, module } = recorder();
  const slow = { start: () => new Promise<void>((resolve) => setImmediate(resolve)) };
  const program = createProgram([module('a', slow), module('b', slow), module('c')], options);
  await program.start();
  await Promise.all([program.stop(), program.stop()]);
  await program.stop();
  assert.deepEqual(events, [
    'start a',
    'ready a',
    'start b',
    'ready b',
    'start c',
    'ready c',
    'stop c',
    'stop b',
    'stop a',
  ]);
});

it('a module that fails to start is stopped with those before it; those after it never begin', async () => {
  const { events, module } = recorder();
  const broken = { start: () => Promise.reject(new Error('no port')) };
  const program = createProgram([module('a'), module('b', broken), module('c')], options);
  await assert.rejects(program.start(), /no port/);
  await program.stop();
  assert.deepEqual(events, ['start a', 'ready a', 'start b', 'stop b', 'stop a']);
});

it('a stop during the start aborts the module that is starting and begins no further one', async () => {
  const { events, module } = recorder();
  const waiting: Partial<Module> = {
    start: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  };
  const program = createProgram([module('a'), module('b', waiting), module('c')], options);
  const started = program.start();
  await new Promise(setImmediate);
  await program.stop();
  await started;
  assert.deepEqual(
    events.filter((event) => !event.startsWith('ready')),
    ['start a', 'start b', 'stop b', 'stop a'],
  );
});

it('a module that does not stop in time, or fails to, does not keep the others from stopping', async () => {
  const { events, module } = recorder();
  const deadlines: number[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (ms, task) => {
      deadlines.push(ms);
      const timer = setImmediate(task);
      return () => clearImmediate(timer);
    },
  };
  const never = { stop: () => new Promise<void>(() => undefined) };
  const failing = { stop: () => Promise.reject(new Error('on purpose')) };
  const throwing: Module = {
    name: 'd',
    start: async () => undefined,
    stop: () => {
      throw new Error('at once');
    },
  };
  const program = createProgram([module('a'), module('b', never), module('c', failing), throwing], {
    log: silentLogger,
    clock,
    stopDeadlineMs: 77,
  });
  await program.start();
  await program.stop();
  assert.deepEqual(
    events.filter((event) => event.startsWith('stop')),
    ['stop c', 'stop b', 'stop a'],
  );
  assert.deepEqual(new Set(deadlines), new Set([77]));
});

it('a stop before the start means that nothing starts', async () => {
  const { events, module } = recorder();
  const program = createProgram([module('a')], options);
  await program.stop();
  await program.start();
  assert.deepEqual(events, []);
});
