import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isRecord } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { semanticallyEqual } from './canonical-json.ts';
import { type StatusKind, statusPatch } from './status-patch.ts';
import { applyStatusPatch } from './testing/apply-status-patch.ts';

interface Frame {
  readonly dir?: string;
  readonly header: { readonly msg_id: string; readonly parent_msg_id?: string };
  readonly route: { readonly operation?: string; readonly resource?: string };
  readonly content: unknown;
}

const recording = new URL(
  '../../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl',
  import.meta.url,
);
const frames: Frame[] = readFileSync(recording, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const statusIn = (content: unknown): Record<string, unknown> => {
  const object = isRecord(content) && isRecord(content['Object']) ? content['Object'] : content;
  assert.ok(isRecord(object) && isRecord(object['status']));
  return object['status'];
};

describe("the patches of upstream's recording", () => {
  const bases = new Map<string, Record<string, unknown>>();
  for (const frame of frames) {
    const [namespace, type, name] = frame.route?.resource?.split('/') ?? [];
    if (
      frame.dir === 'cloud->edge' &&
      (type === 'pod' || type === 'node') &&
      frame.route.operation !== 'delete'
    ) {
      if (frame.route.operation !== 'response')
        bases.set(`${namespace}/${type}/${name}`, statusIn(frame.content));
    }
    if (frame.route?.operation !== 'patch') continue;
    const kind: StatusKind = type === 'podpatch' ? 'pod' : 'node';
    const key = `${namespace}/${kind}/${name}`;
    const base = bases.get(key);
    const answer = frames.find((other) => other.header?.parent_msg_id === frame.header.msg_id);
    const expected = String(frame.content);
    const uid: string | undefined = JSON.parse(expected).metadata?.uid;
    test(`${frame.route.resource} ${frame.header.msg_id.slice(0, 4)} is what we send for the same before and after`, () => {
      assert.ok(base !== undefined && answer !== undefined);
      // The API server fills in nothing in between, so its answer is what the edge wanted.
      const wanted = statusIn(answer.content);
      assert.equal(statusPatch({ kind, ...(uid ? { uid } : {}), base, wanted }), expected);
      assert.equal(statusPatch({ kind, base: wanted, wanted }), undefined, 'nothing left to say');
    });
    if (answer !== undefined) bases.set(key, statusIn(answer.content));
  }
});

describe('statusPatch', () => {
  const condition = (type: string, status: string, extra = {}) => ({
    type,
    status,
    lastProbeTime: null,
    ...extra,
  });

  test('changes nothing others own: unknown fields, foreign conditions', () => {
    const base = {
      qosClass: 'Burstable',
      nominatedNodeName: 'x',
      conditions: [condition('Ready', 'False'), condition('example.com/gate', 'True')],
    };
    const wanted = { phase: 'Running', conditions: [condition('Ready', 'True')] };
    assert.deepEqual(JSON.parse(statusPatch({ kind: 'pod', uid: 'u', base, wanted }) ?? ''), {
      metadata: { uid: 'u' },
      status: {
        '$setElementOrder/conditions': [{ type: 'Ready' }, { type: 'example.com/gate' }],
        conditions: [{ status: 'True', type: 'Ready' }],
        phase: 'Running',
      },
    });
  });

  test('removes own fields with null and own list items with $patch delete', () => {
    const base = { reason: 'Evicted', podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] };
    const wanted = { podIPs: [{ ip: '10.0.0.2' }] };
    assert.deepEqual(JSON.parse(statusPatch({ kind: 'pod', base, wanted }) ?? '').status, {
      '$setElementOrder/podIPs': [{ ip: '10.0.0.2' }],
      podIPs: [{ $patch: 'delete', ip: '10.0.0.1' }],
      reason: null,
    });
  });

  test('replaces changed node addresses as a whole, because two may have one type', () => {
    const base = { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] };
    const addresses = [
      { type: 'InternalIP', address: '192.0.2.2' },
      { type: 'InternalIP', address: '2001:db8::2' },
    ];
    assert.deepEqual(JSON.parse(statusPatch({ kind: 'node', base, wanted: { addresses } }) ?? '').status, {
      addresses: [
        { address: '192.0.2.2', type: 'InternalIP' },
        { address: '2001:db8::2', type: 'InternalIP' },
        { $patch: 'replace' },
      ],
    });
    assert.equal(statusPatch({ kind: 'node', base, wanted: base }), undefined);
  });

  test('says everything again when it is told that the base may be outdated', () => {
    const status = {
      phase: 'Running',
      conditions: [condition('Ready', 'True')],
      containerStatuses: [{ name: 'a' }],
    };
    const patch = JSON.parse(statusPatch({ kind: 'pod', base: status, wanted: status, full: true }) ?? '');
    assert.deepEqual(patch.status.conditions, [{ status: 'True', type: 'Ready' }]);
    assert.equal(patch.status.phase, 'Running');
    assert.deepEqual(patch.status.containerStatuses, [{ name: 'a' }]);
  });

  test('survives bases and statuses that are not objects', () => {
    for (const value of [
      null,
      undefined,
      [],
      '',
      0,
      'x',
      [null],
      { conditions: null },
      { conditions: [null, 1] },
    ]) {
      statusPatch({ kind: 'pod', base: value, wanted: { conditions: [condition('Ready', 'True')] } });
      statusPatch({ kind: 'node', base: { conditions: [], addresses: [{}] }, wanted: value });
    }
  });
});

test('property: the patch turns any base into any wanted status', () => {
  const text = fc.constantFrom('', 'a', 'b');
  const list = (key: string, values: string[]) =>
    fc.uniqueArray(
      fc.record({ [key]: fc.constantFrom(...values), status: text, message: text }, { requiredKeys: [key] }),
      {
        selector: (item) => item[key],
      },
    );
  const status = fc.record(
    {
      phase: fc.constantFrom('Pending', 'Running'),
      podIP: text,
      podIPs: list('ip', ['1', '2', '3']),
      conditions: list('type', ['Ready', 'Initialized', 'ContainersReady']),
      containerStatuses: fc.array(fc.record({ name: text, restartCount: fc.nat(2) }), { maxLength: 2 }),
    },
    { requiredKeys: ['phase'] },
  );
  fc.assert(
    fc.property(status, status, fc.boolean(), (base, wanted, full) => {
      const patch = statusPatch({ kind: 'pod', base, wanted, full });
      const result = patch === undefined ? base : applyStatusPatch(base, JSON.parse(patch).status);
      const byKey = (value: Record<string, unknown>) => ({
        ...value,
        podIPs: (value['podIPs'] as { ip: string }[] | undefined)?.toSorted((a, b) => (a.ip < b.ip ? -1 : 1)),
        conditions: (value['conditions'] as { type: string }[] | undefined)?.toSorted((a, b) =>
          a.type < b.type ? -1 : 1,
        ),
      });
      // A wanted empty list keeps what a removable-less base has; conditions are never taken away as a whole.
      const target = { ...wanted, conditions: wanted.conditions ?? base.conditions };
      assert.ok(semanticallyEqual(byKey(result), byKey(target)), `${patch}`);
    }),
  );
});
