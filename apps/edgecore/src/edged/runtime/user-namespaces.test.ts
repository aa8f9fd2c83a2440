import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemHost } from '../host.ts';
import { pod } from '../testing/pods.ts';
import { idRange } from './sub-ids.ts';
import { createUserNamespaces, userNamespaceProblem } from './user-namespaces.ts';

const IDS = 65_536;

describe('user namespaces of pods (containerd 1.6 has none: ids and records only)', () => {
  let rootDir = '';
  let files: Record<string, string> = {};
  before(async () => {
    rootDir = await mkdtemp(join(tmpdir(), 'kets-userns-'));
  });
  after(() => rm(rootDir, { recursive: true, force: true }));
  beforeEach(() => {
    files = {};
  });
  /** As after a start of edgecore. */
  const open = (idsPerPod = IDS) =>
    createUserNamespaces({
      rootDir,
      idsPerPod,
      host: { readText: async (path) => files[path], list: systemHost.list },
    });
  const isolated = (uid: string) => pod('x', { hostUsers: false }, { uid });
  const fresh = async () => {
    await rm(join(rootDir, 'pods'), { recursive: true, force: true });
  };
  const record = (uid: string) => readFile(join(rootDir, 'pods', uid, 'userns'), 'utf8');

  test('only pods that ask for it have one', async () => {
    assert.equal(await open().of(pod('x')), undefined);
    assert.equal(await open().of(pod('x', { hostUsers: true })), undefined);
  });

  test("each pod gets ids of its own, on record in the kubelet's form, the same whenever it is asked", async () => {
    await fresh();
    const users = open();
    const ids = { hostId: IDS, containerId: 0, length: IDS };
    assert.deepEqual(await users.of(isolated('a')), { mode: 0, uids: [ids], gids: [ids] });
    assert.equal((await users.of(isolated('b')))?.uids?.[0]?.hostId, 2 * IDS);
    assert.equal((await users.of(isolated('a')))?.uids?.[0]?.hostId, IDS);
    assert.deepEqual(JSON.parse(await record('a')), {
      uidMappings: [{ hostId: IDS, containerId: 0, length: IDS }],
      gidMappings: [{ hostId: IDS, containerId: 0, length: IDS }],
    });
  });

  test('a restart finds them again, and gives none of them to another pod', async () => {
    const users = open();
    assert.equal((await users.of(isolated('c')))?.uids?.[0]?.hostId, 3 * IDS);
    assert.equal((await users.of(isolated('b')))?.uids?.[0]?.hostId, 2 * IDS);
  });

  test('what an ended pod had is free again', async () => {
    await fresh();
    const users = open();
    await users.of(isolated('a'));
    await users.of(isolated('b'));
    await rm(join(rootDir, 'pods/a'), { recursive: true });
    users.release('a');
    assert.equal((await users.of(isolated('c')))?.uids?.[0]?.hostId, IDS);
  });

  test('pods that ask together get different ids', async () => {
    await fresh();
    const users = open();
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((uid) => users.of(isolated(uid))));
    assert.equal(new Set(all.map((one) => one?.uids?.[0]?.hostId)).size, 4);
  });

  test('when there are none left the pod is told so', async () => {
    await fresh();
    files = {
      '/etc/passwd': 'root:x:0:0::/:/bin/sh\nkubelet:x:9:9::/:/bin/false\n',
      '/etc/subuid': `kubelet:${IDS}:${IDS}\n`,
      '/etc/subgid': `kubelet:${IDS}:${IDS}\n`,
    };
    const users = open();
    await users.of(isolated('a'));
    await assert.rejects(users.of(isolated('b')), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_POD_CONFIG'));
      assert.match(error.message, /could not find an empty slot to allocate a user namespace/);
      return true;
    });
  });

  const unusable = [
    '{',
    'null',
    '[]',
    '{"uidMappings":[],"gidMappings":[]}',
    JSON.stringify({
      uidMappings: [{ hostId: IDS, containerId: 1, length: IDS }],
      gidMappings: [{ hostId: IDS, containerId: 1, length: IDS }],
    }),
    JSON.stringify({
      uidMappings: [{ hostId: IDS, containerId: 0, length: IDS }],
      gidMappings: [{ hostId: 2 * IDS, containerId: 0, length: IDS }],
    }),
    'x'.repeat(5000),
  ];
  for (const text of unusable) {
    test(`a record that is none (${text.slice(0, 30)}) stops its pod, not the others`, async () => {
      await fresh();
      await mkdir(join(rootDir, 'pods/bad'), { recursive: true });
      await writeFile(join(rootDir, 'pods/bad/userns'), text);
      const users = open();
      await assert.rejects(users.of(isolated('bad')), (error) => isKubeEdgeError(error, 'EDGED_POD_CONFIG'));
      assert.equal((await users.of(isolated('good')))?.uids?.[0]?.hostId, IDS);
    });
  }

  test('more ids per pod where the node says so', async () => {
    await fresh();
    const users = open(2 * IDS);
    assert.deepEqual((await users.of(isolated('a')))?.uids, [
      { hostId: IDS, containerId: 0, length: 2 * IDS },
    ]);
    assert.equal((await users.of(isolated('b')))?.uids?.[0]?.hostId, 3 * IDS);
  });

  test('after the node was told to give more, pods keep what they have and share it with nobody', async () => {
    await fresh();
    const before = open();
    await before.of(isolated('a'));
    await before.of(isolated('b'));
    const users = open(2 * IDS);
    assert.deepEqual((await users.of(isolated('b')))?.uids, [
      { hostId: 2 * IDS, containerId: 0, length: IDS },
    ]);
    assert.equal((await users.of(isolated('c')))?.uids?.[0]?.hostId, 3 * IDS);
  });
});

describe('ids for user namespaces', () => {
  const all = { first: IDS, count: 2 ** 32 - IDS };
  const of = (passwd: string, subuid?: string, subgid = subuid) =>
    idRange({
      readText: async (path) =>
        ({ '/etc/passwd': passwd, '/etc/subuid': subuid, '/etc/subgid': subgid })[path],
    });
  const user = 'kubelet:x:9:9::/:/bin/false\n';
  test('all beyond the machine’s own where there is no user kubelet', async () => {
    assert.deepEqual(await of('root:x:0:0::/:/bin/sh\n', `kubelet:${IDS}:${IDS}`), all);
  });
  test('those of /etc/subuid and /etc/subgid, where both give it the same', async () => {
    assert.deepEqual(await of(user, `a:1:2\nkubelet:${IDS}:${10 * IDS}\n`), { first: IDS, count: 10 * IDS });
  });
  const none: [string, string | undefined, string?][] = [
    ['no file', undefined],
    ['different ids of users and groups', `kubelet:${IDS}:${IDS}`, `kubelet:${2 * IDS}:${IDS}`],
    ['two ranges', `kubelet:${IDS}:${IDS}\nkubelet:${3 * IDS}:${IDS}`],
    ['the machine’s own ids', `kubelet:0:${2 * IDS}`],
    ['no whole namespaces', `kubelet:${IDS}:1000`],
    ['nonsense', 'kubelet:x:y'],
  ];
  for (const [what, subuid, subgid] of none) {
    test(`${what}: as if there were no such user`, async () =>
      assert.deepEqual(await of(user, subuid, subgid), all));
  }
});

describe('hostUsers: false is refused where the runtime says nothing of user namespaces', () => {
  const asking = pod('x', { hostUsers: false });
  const handlers = [
    { name: '', features: { userNamespaces: true, recursiveReadOnlyMounts: false } },
    { name: 'kata', features: { userNamespaces: false, recursiveReadOnlyMounts: false } },
    { name: 'old' },
  ];
  test('by the default handler', () => {
    assert.equal(userNamespaceProblem(asking, '', handlers), undefined);
    assert.equal(
      userNamespaceProblem(asking, '', []),
      "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    );
    assert.equal(userNamespaceProblem(pod('y'), '', []), undefined);
  });
  test('by the handler of a RuntimeClass', () => {
    for (const name of ['kata', 'old', 'unknown']) {
      assert.equal(
        userNamespaceProblem(asking, name, handlers),
        `can't set \`spec.hostUsers: false\`, RuntimeClass handler "${name}" does not support user namespaces`,
      );
    }
  });
});
