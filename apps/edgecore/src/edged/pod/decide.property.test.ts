import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { container, deleting, pod } from '../testing/pods.ts';
import { run, sandbox, state, T0 } from '../testing/states.ts';
import { decide } from './decide.ts';

describe('for any state', () => {
  const names = ['main', 'i1'];
  const anyRun = fc
    .record({
      name: fc.constantFrom(...names),
      restartCount: fc.nat(3),
      state: fc.constantFrom('created', 'running', 'exited', 'unknown'),
      exitCode: fc.constantFrom(0, 1, 137),
      sandboxId: fc.constantFrom('s0', 's1'),
      finishedAt: fc.constant(T0 - 5),
    })
    .map(({ name, ...fields }) => run(name, fields as never));
  const anyState = fc.record({
    policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    init: fc.boolean(),
    ends: fc.constantFrom('no', 'deleting', 'gone', 'done'),
    sandboxes: fc.uniqueArray(
      fc.record({ id: fc.constantFrom('s0', 's1'), ready: fc.boolean() }).map((fields) => sandbox(fields)),
      { selector: ({ id }) => id, maxLength: 2 },
    ),
    containers: fc.uniqueArray(anyRun, { selector: ({ id }) => id, maxLength: 5 }),
    released: fc.boolean(),
  });
  const build = ({
    policy,
    init,
    ends,
    ...rest
  }: typeof anyState extends fc.Arbitrary<infer T> ? T : never) => {
    const base = pod('web', {
      restartPolicy: policy,
      ...(init ? { initContainers: [container('i1')] } : {}),
    });
    return state({
      ...rest,
      pod: ends === 'deleting' ? deleting(base, 3) : base,
      gone: ends === 'gone',
      previous: ends === 'done' ? { phase: 'Succeeded' } : {},
    });
  };

  test('the decision is a pure function, and one kind of step at a time', () => {
    fc.assert(
      fc.property(anyState, (parts) => {
        const it = build(parts);
        const [first, second] = [decide(it, T0), decide(it, T0)];
        assert.deepEqual(first, second);
        assert.ok(new Set(first.actions.map((action) => action.do)).size <= 1);
      }),
    );
  });

  test('nothing starts in a pod that ends or has ended, and it never waits for ever with something left to do', () => {
    fc.assert(
      fc.property(anyState, (parts) => {
        const it = build(parts);
        const { actions } = decide(it, T0);
        if (parts.ends === 'no') return;
        assert.ok(actions.every((action) => action.do !== 'startContainer' && action.do !== 'createSandbox'));
        if (parts.ends !== 'done') assert.equal(actions.length, 1);
      }),
    );
  });

  test('a running container of the right image in the one ready sandbox is never touched', () => {
    fc.assert(
      fc.property(anyState, (parts) => {
        const it = build({ ...parts, ends: 'no', sandboxes: [sandbox()] });
        const [newest] = it.runtime.containers.filter(({ name }) => name === 'main');
        if (newest?.state !== 'running' || newest.sandboxId !== 's0') return;
        const touched = decide(it, T0).actions.flatMap((action) => {
          if (action.do === 'stopContainers') return action.containers.map(({ id }) => id);
          return action.do === 'removeContainers' || action.do === 'stopSandboxes' ? action.ids : [];
        });
        assert.ok(!touched.includes(newest.id) && !touched.includes('s0'));
      }),
    );
  });
});
