import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '@kubeedge-ts/apis';
import { pod } from '../testing/pods.ts';
import { dotted, sysctlAllowlist, sysctlProblem, sysctlsOf } from './sysctls.ts';

const of = (name: string, patterns: string[] = [], spec: Partial<PodSpec> = {}, kernel = '6.1.0') => {
  const securityContext = { sysctls: [{ name, value: '1' }] };
  return sysctlProblem(pod('x', { ...spec, securityContext }), sysctlAllowlist(patterns, kernel));
};

describe('sysctls a pod may set', () => {
  const safe = [
    'kernel.shm_rmid_forced',
    'net.ipv4.ip_local_port_range',
    'net.ipv4.ip_local_reserved_ports',
    'net.ipv4.ip_unprivileged_port_start',
    'net.ipv4.ping_group_range',
    'net.ipv4.tcp_fin_timeout',
    'net.ipv4.tcp_keepalive_intvl',
    'net.ipv4.tcp_keepalive_probes',
    'net.ipv4.tcp_keepalive_time',
    'net.ipv4.tcp_rmem',
    'net.ipv4.tcp_syncookies',
    'net.ipv4.tcp_wmem',
  ];
  test('the safe set, with dots or slashes', () => {
    for (const name of safe) {
      assert.equal(of(name), undefined, name);
      assert.equal(of(name.replaceAll('.', '/')), undefined, name);
    }
  });
  test('not those that the kernel did not keep apart yet', () => {
    assert.equal(
      of('net.ipv4.tcp_rmem', [], {}, '4.14.0'),
      'forbidden sysctl: "net.ipv4.tcp_rmem" not allowlisted',
    );
    assert.equal(of('net.ipv4.tcp_rmem', [], {}, '4.15.0-1-amd64'), undefined);
    assert.equal(of('net.ipv4.tcp_syncookies', [], {}, ''), undefined);
  });
  test("more by the node's configuration, by name or by prefix", () => {
    assert.equal(of('net.core.somaxconn'), 'forbidden sysctl: "net.core.somaxconn" not allowlisted');
    assert.equal(of('net.core.somaxconn', ['net.core.somaxconn']), undefined);
    assert.equal(of('net.core.somaxconn', ['net/core/somaxconn']), undefined);
    assert.equal(of('net.core.somaxconn', ['net.core.*']), undefined);
    assert.equal(of('kernel.msgmax', ['kernel.msg*']), undefined);
    assert.equal(of('net.ipv6.x', ['net.core.*']), 'forbidden sysctl: "net.ipv6.x" not allowlisted');
  });
  test("not where the namespace is the host's", () => {
    const network = { hostNetwork: true };
    assert.equal(
      of('net.ipv4.tcp_syncookies', [], network),
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
    );
    assert.equal(
      of('net.core.somaxconn', ['net.core.*'], network),
      'forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled',
    );
    assert.equal(
      of('kernel.shm_rmid_forced', [], { hostIPC: true }),
      'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
    );
    assert.equal(of('kernel.shm_rmid_forced', [], network), undefined);
  });
  test('patterns of the configuration that would open the host allow nothing and are told', () => {
    const bad = ['kernel.core_pattern', 'kernel.*', '*', 'vm.*', 'net.core.*.x', '', 'NET.core', 'net'];
    const list = sysctlAllowlist([...bad, 'fs.mqueue.*'], '6.1.0');
    assert.deepEqual(list.unusable, bad);
    assert.deepEqual([...list.prefixes], [['fs.mqueue.', 'IPC']]);
    assert.match(of('kernel.core_pattern', bad) ?? '', /not allowlisted/);
  });
});

test('the sandbox gets the form with dots; a dot inside a name becomes a slash', () => {
  assert.equal(dotted('net/ipv4/conf/eno2.100/rp_filter'), 'net.ipv4.conf.eno2/100.rp_filter');
  assert.equal(dotted('net.ipv4.conf.eno2/100.rp_filter'), 'net.ipv4.conf.eno2/100.rp_filter');
  assert.equal(dotted('plain'), 'plain');
  const it = pod('x', { securityContext: { sysctls: [{ name: 'net/core/somaxconn', value: '9' }] } });
  assert.deepEqual(sysctlsOf(it), { 'net.core.somaxconn': '9' });
  assert.deepEqual(sysctlsOf(pod('y')), {});
});
