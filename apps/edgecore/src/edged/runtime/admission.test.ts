import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '@kubeedge-ts/apis';
import { pod } from '../testing/pods.ts';
import { refusalOf } from './admission.ts';

const of = (spec: Partial<PodSpec>, allowed: string[] = []) => refusalOf(pod('x', spec), allowed);
const sysctl = (name: string): Partial<PodSpec> => ({ securityContext: { sysctls: [{ name, value: '1' }] } });

describe('pods that are not started', () => {
  test('ordinary ones are', () => assert.equal(of({}), undefined));
  test('those that ask for an isolation they would not get', () => {
    assert.match(of({ runtimeClassName: 'kata' }) ?? '', /runtimeClassName kata/);
    assert.match(of({ hostUsers: false }) ?? '', /hostUsers/);
  });
  test("those that change the kernel for others; the node's configuration may allow more", () => {
    assert.equal(of(sysctl('net.ipv4.tcp_syncookies')), undefined);
    assert.equal(of(sysctl('net/ipv4/tcp_syncookies')), undefined);
    assert.match(of(sysctl('kernel.core_pattern')) ?? '', /not allowed/);
    assert.match(of(sysctl('net.core.somaxconn')) ?? '', /not allowed/);
    assert.equal(of(sysctl('net.core.somaxconn'), ['net.core.*']), undefined);
    assert.match(of({ ...sysctl('net.ipv4.tcp_syncookies'), hostNetwork: true }) ?? '', /host namespaces/);
  });
});
