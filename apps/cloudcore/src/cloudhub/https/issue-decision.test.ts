import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Caller } from './caller.ts';
import { decideIssue, EXPIRED_GRACE_MS, type IssueDecision } from './issue-decision.ts';

const certificate = (nodeName: string, expiredMs = 0): Caller => ({
  kind: 'certificate',
  nodeName,
  expiredMs,
});
const shared: Caller = { kind: 'token' };
const bound: Caller = { kind: 'token', nodeName: 'edge-1' };

const summary = (decision: IssueDecision): string => {
  if (decision.kind === 'refuse') return String(decision.status);
  if (decision.kind === 'issue') return 'issue';
  return `${decision.exists ? 'exists' : 'absent'} else ${decision.otherwise.status}`;
};

const table: readonly [string, Caller, string, string][] = [
  ['nobody', { kind: 'anyone' }, 'edge-1', '401'],
  ['a bad credential', { kind: 'refused', reason: 'expired' }, 'edge-1', '401'],
  ['the own certificate', certificate('edge-1'), 'edge-1', 'issue'],
  ['the certificate of another node', certificate('edge-2'), 'edge-1', '401'],
  [
    'an expired certificate of a node that still exists',
    certificate('edge-1', 1),
    'edge-1',
    'exists else 401',
  ],
  ['a certificate that expired long ago', certificate('edge-1', EXPIRED_GRACE_MS + 1), 'edge-1', '401'],
  ['an expired certificate of another node', certificate('edge-2', 1), 'edge-1', '401'],
  ['a shared token, for a name that is free', shared, 'edge-1', 'absent else 403'],
  ['a token bound to the node', bound, 'edge-1', 'issue'],
  ['a token bound to another node', bound, 'edge-2', '403'],
  ['a token without a name', shared, '', '400'],
  ['a token with a name no node can have', shared, '../x', '400'],
  ['a certificate with a name no node can have', certificate('edge-1'), 'Edge 1', '400'],
];

for (const [who, caller, nodeName, expected] of table) {
  it(`${who} asking for ${JSON.stringify(nodeName)}: ${expected}`, () => {
    assert.equal(summary(decideIssue({ caller, nodeName, extKeyUsages: undefined })), expected);
  });
}

it('only client authentication is issued, whatever usages are asked for', () => {
  const ask = (extKeyUsages: string): string =>
    summary(decideIssue({ caller: bound, nodeName: 'edge-1', extKeyUsages }));
  assert.equal(ask('[2]'), 'issue');
  assert.equal(ask('[ 2 ]'), 'issue');
  for (const usages of ['[1]', '[2,1]', '[0]', 'null', '', '[]', '{"__proto__":1}'])
    assert.equal(ask(usages), '403');
});

it('the refusal of a taken name says the three ways out', () => {
  const decision = decideIssue({ caller: shared, nodeName: 'edge-1', extKeyUsages: undefined });
  assert.ok(decision.kind === 'depends');
  assert.match(
    decision.otherwise.reason,
    /its certificate.*token made for this node.*kubectl delete node edge-1/,
  );
});
