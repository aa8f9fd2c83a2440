import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { pod } from '../testing/pods.ts';
import { parseResolvConf, podDnsOf } from './dns.ts';

const host = { servers: ['9.9.9.9'], searches: ['lan'], options: ['timeout:1'] };
const of = (spec: Partial<PodSpec>, clusterDNS: string[] = ['10.0.0.10']) =>
  podDnsOf(pod('web', spec, { uid: 'u' }), { clusterDNS, clusterDomain: 'cluster.local', host });

const cluster = {
  servers: ['10.0.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
  options: ['ndots:5'],
};

describe('name resolution', () => {
  const cases: [string, Partial<PodSpec>, string[], object][] = [
    ['ClusterFirst', {}, ['10.0.0.10'], cluster],
    ['ClusterFirst on the host network is the host', { hostNetwork: true }, ['10.0.0.10'], host],
    [
      'ClusterFirstWithHostNet',
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      ['10.0.0.10'],
      cluster,
    ],
    ['Default is the host', { dnsPolicy: 'Default' }, ['10.0.0.10'], host],
    ['a policy nobody defines is the cluster’s', { dnsPolicy: 'Weird' }, ['10.0.0.10'], cluster],
    [
      'None is only what the pod says',
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['1.1.1.1', '1.1.1.1', '2.2.2.2'],
          searches: ['a', 'a'],
          options: [{ name: 'x', value: '1' }, { name: 'y' }, { name: 'z', value: '' }],
        },
      },
      [],
      { servers: ['1.1.1.1', '2.2.2.2'], searches: ['a'], options: ['x:1', 'y', 'z'] },
    ],
    [
      "the pod's wishes are added; its options replace those of the same name",
      {
        dnsPolicy: 'Default',
        dnsConfig: {
          nameservers: ['1.1.1.1'],
          searches: ['lan', 'more'],
          options: [{ name: 'timeout', value: '9' }],
        },
      },
      [],
      { servers: ['9.9.9.9', '1.1.1.1'], searches: ['lan', 'more'], options: ['timeout:9'] },
    ],
  ];
  for (const [title, spec, dns, expected] of cases) {
    test(title, () => assert.deepEqual(of(spec, dns), { config: expected, problems: [] }));
  }

  test('ClusterFirst without a cluster DNS is the host, and MissingClusterDNS', () => {
    const { config, problems } = of({}, []);
    assert.deepEqual(config, host);
    assert.deepEqual(problems, [
      {
        reason: 'MissingClusterDNS',
        message:
          'pod: "web_default(u)". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
      },
    ]);
    assert.deepEqual(of({ hostNetwork: true }, []).problems, []);
  });

  test('three servers, and DNSConfigForming for the others', () => {
    const nameservers = ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'];
    const { config, problems } = of({ dnsPolicy: 'None', dnsConfig: { nameservers } });
    assert.deepEqual(config.servers, ['1.1.1.1', '2.2.2.2', '3.3.3.3']);
    assert.deepEqual(problems, [
      {
        reason: 'DNSConfigForming',
        message:
          'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3',
      },
    ]);
  });

  const limited: [string, string[], number][] = [
    ['32 search domains', Array.from({ length: 40 }, (_, i) => `d${i}`), 32],
    [
      '2,048 characters of them',
      Array.from({ length: 20 }, (_, i) => `${'x'.repeat(200)}${i % 10}${'y'.repeat(i)}`),
      9,
    ],
    ['none longer than 255', ['a', 'x'.repeat(256), 'b'], 2],
  ];
  for (const [title, searches, kept] of limited) {
    test(`${title}, and DNSConfigForming`, () => {
      const { config, problems } = of({ dnsPolicy: 'None', dnsConfig: { searches } });
      assert.equal(config.searches?.length, kept);
      assert.equal(problems[0]?.reason, 'DNSConfigForming');
      assert.match(
        problems[0]?.message ?? '',
        /^Search Line limits were exceeded, some search paths have been/,
      );
    });
  }
  test('whatever a pod wishes, the limits hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 60 }), (searches) => {
        const { config } = of({ dnsPolicy: 'None', dnsConfig: { searches } });
        const kept = config.searches ?? [];
        return (
          kept.length <= 32 && kept.join(' ').length <= 2048 && kept.every(({ length }) => length <= 255)
        );
      }),
    );
  });
});

describe('resolv.conf', () => {
  test('servers add up, the last search line counts, options of one name replace each other', () => {
    const text = `# c
nameserver 1.1.1.1
 nameserver\t2.2.2.2 ; x
domain old
search a. . b
options ndots:2 rotate
nameserver
options ndots:3
`;
    assert.deepEqual(parseResolvConf(text), {
      servers: ['1.1.1.1', '2.2.2.2'],
      searches: ['a', 'b'],
      options: ['ndots:3', 'rotate'],
    });
  });
});
