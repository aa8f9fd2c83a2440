import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, PodSpec } from '@kubeedge-ts/apis';
import { container, pod } from '../testing/pods.ts';
import { type IsolationFacts, refusalOf } from './admission.ts';
import { sysctlAllowlist } from './sysctls.ts';

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/main';
const able: IsolationFacts = { sysctls: sysctlAllowlist([], '6.1.0'), apparmor: true, strictGroups: true };
const unable: IsolationFacts = { ...able, apparmor: false, strictGroups: false };

const of = (spec: Partial<PodSpec>, facts = unable, annotations: Record<string, string> = {}) =>
  refusalOf(pod('x', spec, { annotations }), facts);
const profile = (type: string, localhostProfile?: string): Partial<Container> => ({
  securityContext: {
    appArmorProfile: { type, ...(localhostProfile === undefined ? {} : { localhostProfile }) },
  },
});

describe('pods that a node without the means refuses', () => {
  test('ordinary ones are not among them', () => assert.equal(of({}), undefined));

  test('sysctls outside the safe set: SysctlForbidden, before anything else', () => {
    const security = { sysctls: [{ name: 'kernel.core_pattern', value: '|/x' }] };
    assert.deepEqual(of({ securityContext: { ...security, appArmorProfile: { type: 'RuntimeDefault' } } }), {
      reason: 'SysctlForbidden',
      message: 'forbidden sysctl: "kernel.core_pattern" not allowlisted',
    });
  });

  const refused = {
    reason: 'AppArmor',
    message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
  };
  const asking: [string, Partial<PodSpec>, Record<string, string>?][] = [
    ['the pod', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }],
    ['a container', { containers: [container('main', profile('Localhost', 'tight'))] }],
    ['an init container', { initContainers: [container('i', profile('RuntimeDefault'))] }],
    ['an ephemeral container', { ephemeralContainers: [container('e', profile('RuntimeDefault'))] }],
    ['the annotation', {}, { [ANNOTATION]: 'localhost/tight' }],
  ];
  for (const [who, spec, annotations] of asking) {
    test(`an AppArmor profile that ${who} asks for, where the host has none`, () => {
      assert.deepEqual(of(spec, unable, annotations), refused);
      assert.equal(of(spec, able, annotations), undefined);
    });
  }
  test('an unconfined AppArmor profile asks for nothing', () => {
    assert.equal(of({ containers: [container('main', profile('Unconfined'))] }), undefined);
    assert.equal(of({}, unable, { [ANNOTATION]: 'unconfined' }), undefined);
  });
  test('a local AppArmor profile without a name, on a host that is said to have AppArmor', () => {
    assert.deepEqual(of({ containers: [container('main', profile('Localhost', ' '))] }, able), {
      reason: 'AppArmor',
      message: 'Cannot enforce AppArmor: invalid empty AppArmor profile name',
    });
  });

  test('strict supplemental groups, where the runtime would add those of the image', () => {
    const spec = { securityContext: { supplementalGroupsPolicy: 'Strict' } } as Partial<PodSpec>;
    assert.deepEqual(of(spec), {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    });
    assert.equal(of(spec, able), undefined);
  });
});
