import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { pod } from '../testing/pods.ts';
import { hostsFileOf } from './hosts-file.ts';
import { kernelNameOf, podNameOf } from './pod-name.ts';

const nameOf = (spec: object, name = 'web-0') =>
  podNameOf(pod(name, spec as Partial<PodSpec>), 'cluster.local');
const kernel = (spec: object, name = 'web-0') =>
  kernelNameOf(pod(name, spec as Partial<PodSpec>), 'cluster.local');

describe('how a pod calls itself', () => {
  const cases: [string, object, { host: string; domain: string }, string][] = [
    ['by its name', {}, { host: 'web-0', domain: '' }, 'web-0'],
    ['by spec.hostname', { hostname: 'db' }, { host: 'db', domain: '' }, 'db'],
    [
      'as a StatefulSet does, with a subdomain',
      { hostname: 'web-0', subdomain: 'web' },
      { host: 'web-0', domain: 'web.default.svc.cluster.local' },
      'web-0',
    ],
    [
      'in full with setHostnameAsFQDN',
      { subdomain: 'web', setHostnameAsFQDN: true },
      { host: 'web-0', domain: 'web.default.svc.cluster.local' },
      'web-0.web.default.svc.cluster.local',
    ],
    [
      'setHostnameAsFQDN without a subdomain',
      { setHostnameAsFQDN: true },
      { host: 'web-0', domain: '' },
      'web-0',
    ],
    [
      'hostnameOverride goes before all',
      { hostnameOverride: 'my.own.name', hostname: 'db', subdomain: 'web' },
      { host: 'my.own.name', domain: '' },
      'my.own.name',
    ],
  ];
  for (const [title, spec, expected, inKernel] of cases) {
    test(title, () => {
      assert.deepEqual(nameOf(spec), expected);
      assert.equal(kernel(spec), inKernel);
      assert.equal(kernel({ ...spec, hostNetwork: true }), '');
    });
  }

  test('63 characters at most, not ending in a dash or dot', () => {
    assert.equal(nameOf({}, `${'a'.repeat(62)}-bcd`).host, 'a'.repeat(62));
    assert.equal(nameOf({}, 'a'.repeat(63)).host.length, 63);
  });

  const refused: [string, object, RegExp][] = [
    ['a host name that is no label', { hostname: 'A.b' }, /^pod Hostname "A\.b" is not a valid DNS label$/],
    ['a subdomain that is no label', { subdomain: 'a b' }, /^pod Subdomain "a b" is not a valid DNS label$/],
    ['an override that is no name', { hostnameOverride: '-x' }, /^pod HostnameOverride "-x" is not a valid/],
    [
      'a full name of more than 64 characters',
      { hostname: 'x'.repeat(40), subdomain: 's', setHostnameAsFQDN: true },
      /FQDN x+\.s\.default\.svc\.cluster\.local is too long \(64 characters is the max, 68 characters requested\)$/,
    ],
  ];
  for (const [title, spec, message] of refused) {
    test(`not ${title}`, () => {
      assert.throws(
        () => kernel(spec),
        (error) => {
          assert.ok(isKubeEdgeError(error, 'EDGED_POD_CONFIG'));
          assert.match(String(error.details['problem']), message);
          assert.equal(error.details['reason'], 'FailedCreatePodSandBox');
          return true;
        },
      );
    });
  }
});

describe('/etc/hosts', () => {
  const local =
    '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
    'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n';
  const of = (spec: object, podIPs: string[], hostFile = '') =>
    hostsFileOf(pod('web', spec as Partial<PodSpec>), { podIPs, clusterDomain: 'cluster.local', hostFile });

  test('of a pod: each of its addresses, its full name first, then its aliases', () => {
    const hostAliases = [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }, { ip: '5.6.7.8' }];
    assert.equal(
      of({ subdomain: 's', hostAliases }, ['10.0.0.2', 'fd00::2']),
      `${local}10.0.0.2\tweb.s.default.svc.cluster.local\tweb\nfd00::2\tweb.s.default.svc.cluster.local\tweb\n` +
        '\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n5.6.7.8\n',
    );
    assert.equal(of({}, ['10.0.0.2']), `${local}10.0.0.2\tweb\n`);
  });
  test("on the host network: the host's, then the aliases", () => {
    const hostAliases = [{ ip: '1.2.3.4', hostnames: ['a'] }];
    assert.equal(
      of({ hostNetwork: true, hostAliases }, [], '127.0.0.1 localhost\n'),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n1.2.3.4\ta\n',
    );
  });
});
