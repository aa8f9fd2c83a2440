import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readSummary } from './summary.ts';

const time = '2026-01-02T03:04:05Z';
const usage = { cpu: { time, usageNanoCores: 5 }, memory: { time, workingSetBytes: 4096 } };
const known = { nanoCores: 5, workingSetBytes: 4096, time };
const podRef = { name: 'p', namespace: 'd', uid: 'u' };

test('a summary tells of the node and of every container', () => {
  const found = readSummary({ node: usage, pods: [{ podRef, containers: [{ name: 'c', ...usage }] }] });
  assert.deepEqual(found?.node, known);
  assert.deepEqual([...(found?.pods ?? [])], [['d/p', [{ name: 'c', usage: known }]]]);
});

test('a pod is told of whole or not at all, as is the node', () => {
  const { cpu, memory } = usage;
  const pods = (...containers: object[]) =>
    readSummary({ node: {}, pods: [{ podRef, containers }] })?.pods.size;
  assert.equal(pods({ name: 'c', cpu, memory }, { name: 'x', cpu }), 0);
  assert.equal(pods({ name: 'c', memory }), 0);
  assert.equal(pods(), 0);
  for (const node of [{}, { cpu }, { memory }, { cpu: { ...cpu, usageNanoCores: -1 }, memory }]) {
    assert.equal(readSummary({ node, pods: [] })?.node, undefined);
  }
});

test('anything is read or refused, nothing fails (property)', () => {
  for (const body of [null, [], '', 1, {}, { node: null }, { node: [] }]) {
    assert.equal(readSummary(body), undefined);
  }
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (node, pods) => {
      readSummary({
        node: typeof node === 'object' ? node : {},
        pods: [pods, { podRef, containers: [pods] }],
      });
    }),
  );
});
