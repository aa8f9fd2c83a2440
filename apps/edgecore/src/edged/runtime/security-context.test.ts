import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { container, pod } from '../testing/pods.ts';
import { containerSecurity, type SecurityParts, sandboxSecurity } from './security-context.ts';

type Security = NonNullable<Container['securityContext']>;
type PodSecurity = NonNullable<PodSpec['securityContext']>;

const defaults = { rootDir: '/var/lib/kubelet', seccompDefault: false, thermalPaths: ['/sys/x'] };
const image = { username: '' };
const podOf = (security: PodSecurity, spec: Partial<PodSpec> = {}, annotations = {}): Pod =>
  pod('web', { ...spec, securityContext: security }, { uid: 'u', annotations });
const of = (outer: PodSecurity, own: Security, parts: SecurityParts = {}, from: object = {}) =>
  containerSecurity(
    podOf(outer),
    container('c', { securityContext: own }),
    { ...image, ...from },
    defaults,
    parts,
  );

describe("the container's security settings", () => {
  test("override the pod's one by one", () => {
    const outer: PodSecurity = {
      runAsUser: 1,
      runAsGroup: 2,
      seLinuxOptions: { level: 's0:c1' },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const inherited = of(outer, {});
    assert.deepEqual(inherited.runAsUser, { value: 1 });
    assert.deepEqual(inherited.runAsGroup, { value: 2 });
    assert.deepEqual(inherited.selinuxOptions, { level: 's0:c1' });
    assert.deepEqual(inherited.seccomp, { profileType: 0 });
    const own = of(outer, {
      runAsUser: 3,
      runAsGroup: 4,
      seLinuxOptions: { user: 'u', role: 'r', type: 't', level: 's0' },
      seccompProfile: { type: 'Unconfined' },
    });
    assert.deepEqual(own.runAsUser, { value: 3 });
    assert.deepEqual(own.runAsGroup, { value: 4 });
    assert.deepEqual(own.selinuxOptions, { user: 'u', role: 'r', type: 't', level: 's0' });
    assert.deepEqual(own.seccomp, { profileType: 1 });
  });

  test('capabilities, privilege, read-only root, privilege escalation, proc mount', () => {
    const security = of(
      {},
      {
        capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        privileged: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        procMount: 'Unmasked',
      },
    );
    assert.deepEqual(security.capabilities, { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] });
    assert.equal(security.privileged, true);
    assert.equal(security.readonlyRootfs, true);
    assert.equal(security.noNewPrivs, true);
    assert.deepEqual([security.maskedPaths, security.readonlyPaths], [[], []]);
    const plain = of({}, { allowPrivilegeEscalation: true });
    assert.equal(plain.noNewPrivs, false);
    assert.equal(plain.privileged, false);
    assert.ok(plain.maskedPaths?.includes('/proc/kcore') && plain.maskedPaths.includes('/sys/x'));
    assert.ok(plain.readonlyPaths?.includes('/proc/sys'));
  });

  test('groups: fsGroup first, then those of the pod, then those of its volumes', () => {
    const outer: PodSecurity = { fsGroup: 8, supplementalGroups: [9, 10] };
    assert.deepEqual(of(outer, {}, { volumeGroups: [11] }).supplementalGroups, [8, 9, 10, 11]);
    assert.deepEqual(of({}, {}).supplementalGroups, []);
    assert.equal(of({}, {}).supplementalGroupsPolicy, 0);
    assert.equal(of({ supplementalGroupsPolicy: 'Strict' } as PodSecurity, {}).supplementalGroupsPolicy, 1);
  });

  test("the image's user counts when the spec has none; without one it is root, so that a group may be named", () => {
    assert.deepEqual(of({}, {}, {}, { uid: { value: 5 } }).runAsUser, { value: 5 });
    const named = of({}, {}, {}, { username: 'app' });
    assert.deepEqual([named.runAsUser, named.runAsUsername], [undefined, 'app']);
    assert.deepEqual(of({ runAsGroup: 7 }, {}).runAsUser, { value: 0 });
    assert.deepEqual(of({ runAsUser: 3 }, {}, {}, { username: 'app' }).runAsUsername, '');
  });

  const where = '(pod: "web_default(u)", container: c)';
  const rooted: [string, PodSecurity, Security, object, string][] = [
    ['the spec', { runAsUser: 0 }, {}, {}, `container's runAsUser breaks non-root policy ${where}`],
    [
      'the image',
      {},
      {},
      { uid: { value: 0 } },
      `container has runAsNonRoot and image will run as root ${where}`,
    ],
    [
      'an image that says nothing',
      {},
      {},
      {},
      `container has runAsNonRoot and image will run as root ${where}`,
    ],
    [
      'a name that may be',
      {},
      {},
      { username: 'app' },
      `container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root ${where}`,
    ],
  ];
  for (const [who, outer, own, from, message] of rooted) {
    test(`runAsNonRoot refuses root of ${who}`, () => {
      for (const nonRoot of [
        [{ runAsNonRoot: true }, {}],
        [{}, { runAsNonRoot: true }],
      ] as const) {
        assert.throws(
          () => of({ ...outer, ...nonRoot[0] }, { ...own, ...nonRoot[1] }, {}, from),
          (error) => isKubeEdgeError(error, 'EDGED_CONTAINER_CONFIG') && error.message === message,
        );
      }
      assert.doesNotThrow(() =>
        of({ ...outer, runAsNonRoot: true }, { ...own, runAsNonRoot: false }, {}, from),
      );
    });
  }
  test('runAsNonRoot lets numbers other than 0 pass', () => {
    assert.doesNotThrow(() => of({ runAsNonRoot: true }, {}, {}, { uid: { value: 5 } }));
    assert.doesNotThrow(() => of({ runAsNonRoot: true, runAsUser: 5 }, {}, {}, { uid: { value: 0 } }));
  });
});

describe('seccomp', () => {
  const profile = (security: Security, seccompDefault = false) => {
    const it = container('c', { securityContext: security });
    const { seccomp, seccompProfilePath } = containerSecurity(podOf({}), it, image, {
      ...defaults,
      seccompDefault,
    });
    return [seccomp, seccompProfilePath];
  };
  test('the three types, in both forms that runtimes read', () => {
    assert.deepEqual(profile({ seccompProfile: { type: 'RuntimeDefault' } }), [
      { profileType: 0 },
      'runtime/default',
    ]);
    assert.deepEqual(profile({ seccompProfile: { type: 'Unconfined' } }), [{ profileType: 1 }, 'unconfined']);
    const local = '/var/lib/kubelet/seccomp/sub/tight.json';
    assert.deepEqual(profile({ seccompProfile: { type: 'Localhost', localhostProfile: 'sub/tight.json' } }), [
      { profileType: 2, localhostRef: local },
      `localhost/${local}`,
    ]);
  });
  test('without one: none, or the runtime’s where the node says so', () => {
    assert.deepEqual(profile({}), [{ profileType: 1 }, 'unconfined']);
    assert.deepEqual(profile({}, true), [{ profileType: 0 }, 'runtime/default']);
  });
  for (const name of [undefined, '', '/etc/shadow', '../x', 'a/../../x']) {
    test(`a local profile ${JSON.stringify(name)} is none`, () => {
      const seccompProfile = { type: 'Localhost', ...(name === undefined ? {} : { localhostProfile: name }) };
      assert.throws(
        () => profile({ seccompProfile }),
        (error) => isKubeEdgeError(error, 'EDGED_CONTAINER_CONFIG'),
      );
    });
  }
});

describe('AppArmor (what the runtime is asked: these machines have none)', () => {
  const of = (own: Security, outer: PodSecurity = {}, annotation?: string) => {
    const annotations =
      annotation === undefined ? {} : { 'container.apparmor.security.beta.kubernetes.io/c': annotation };
    const it = container('c', { securityContext: own });
    const { apparmor, apparmorProfile } = containerSecurity(
      podOf(outer, {}, annotations),
      it,
      image,
      defaults,
    );
    return [apparmor, apparmorProfile];
  };
  test('the three types, in both forms that runtimes read; none is none', () => {
    assert.deepEqual(of({ appArmorProfile: { type: 'RuntimeDefault' } }), [
      { profileType: 0 },
      'runtime/default',
    ]);
    assert.deepEqual(of({ appArmorProfile: { type: 'Unconfined' } }), [{ profileType: 1 }, 'unconfined']);
    assert.deepEqual(of({ appArmorProfile: { type: 'Localhost', localhostProfile: 'tight' } }), [
      { profileType: 2, localhostRef: 'tight' },
      'localhost/tight',
    ]);
    assert.deepEqual(of({}), [undefined, undefined]);
  });
  test("the container's field, then the annotation, then the pod's field", () => {
    const outer: PodSecurity = { appArmorProfile: { type: 'RuntimeDefault' } };
    assert.deepEqual(of({ appArmorProfile: { type: 'Unconfined' } }, outer, 'localhost/x')[1], 'unconfined');
    assert.deepEqual(of({}, outer, 'localhost/x')[1], 'localhost/x');
    assert.deepEqual(of({}, outer, 'runtime/default')[1], 'runtime/default');
    assert.deepEqual(of({}, outer, 'unconfined')[1], 'unconfined');
    assert.deepEqual(of({}, outer, 'nonsense')[1], 'runtime/default');
  });
});

describe('the sandbox', () => {
  test('has the default seccomp profile whatever the containers have, and is privileged for any of them', () => {
    const quiet = sandboxSecurity(podOf({ seccompProfile: { type: 'Unconfined' } }));
    assert.deepEqual(quiet.seccomp, { profileType: 0 });
    assert.equal(quiet.privileged, false);
    const init = container('i', { securityContext: { privileged: true } });
    assert.equal(sandboxSecurity(podOf({}, { initContainers: [init] })).privileged, true);
  });
  test('user, group and groups are the pod’s; a group alone is left out, containerd refuses it', () => {
    const full = sandboxSecurity(
      podOf({
        runAsUser: 1,
        runAsGroup: 2,
        fsGroup: 3,
        supplementalGroups: [4],
        seLinuxOptions: { type: 't' },
      }),
      { volumeGroups: [5] },
    );
    assert.deepEqual([full.runAsUser, full.runAsGroup], [{ value: 1 }, { value: 2 }]);
    assert.deepEqual(full.supplementalGroups, [3, 5, 4]);
    assert.deepEqual(full.selinuxOptions, { type: 't' });
    assert.equal(sandboxSecurity(podOf({ runAsGroup: 2 })).runAsGroup, undefined);
  });
});

describe('namespaces', () => {
  const modes = (spec: Partial<PodSpec>) => sandboxSecurity(podOf({}, spec)).namespaceOptions;
  const cases: [string, Partial<PodSpec>, object][] = [
    ['by default each container its own processes', {}, { network: 0, pid: 1, ipc: 0 }],
    ['shared processes', { shareProcessNamespace: true }, { network: 0, pid: 0, ipc: 0 }],
    ['hostNetwork', { hostNetwork: true }, { network: 2, pid: 1, ipc: 0 }],
    [
      'hostPID wins over shared',
      { hostPID: true, shareProcessNamespace: true },
      { network: 0, pid: 2, ipc: 0 },
    ],
    ['hostIPC', { hostIPC: true }, { network: 0, pid: 1, ipc: 2 }],
  ];
  for (const [title, spec, expected] of cases) {
    test(title, () => assert.deepEqual(modes(spec), expected));
  }
  test('a target: only where containers do not see each other anyway', () => {
    assert.deepEqual(of({}, {}, { targetId: 'abc' }).namespaceOptions, {
      network: 0,
      pid: 3,
      ipc: 0,
      targetId: 'abc',
    });
    const shared = containerSecurity(
      podOf({}, { shareProcessNamespace: true }),
      container('c'),
      image,
      defaults,
      { targetId: 'abc' },
    );
    assert.deepEqual(shared.namespaceOptions, { network: 0, pid: 0, ipc: 0 });
  });
  test('a user namespace is the same for sandbox and container (what the runtime is asked: containerd 1.6 has none)', () => {
    const users = { mode: 0, uids: [{ hostId: 65_536, containerId: 0, length: 65_536 }] };
    assert.deepEqual(sandboxSecurity(podOf({}), { users }).namespaceOptions?.usernsOptions, users);
    assert.deepEqual(of({}, {}, { users }).namespaceOptions?.usernsOptions, users);
  });
});
