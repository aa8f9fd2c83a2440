import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, PodSpec } from '@kubeedge-ts/apis';
import type { AuthConfig, Image, Init } from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { manualClock } from '../testing/manual-clock.ts';
import { container, pod } from '../testing/pods.ts';
import { createImagePuller } from './image-puller.ts';
import { isReference, withTag } from './image-reference.ts';
import { credentialsFor } from './pull-secrets.ts';
import { dataOf, type ReadReferenced } from './referenced.ts';

const never = new AbortController().signal;

interface Scene {
  /** Images on the node. */
  readonly present?: readonly string[];
  /** How a pull ends: an error's text, or undefined for success. By credential's user name. */
  readonly pull?: (user: string) => string | undefined;
  readonly offline?: boolean;
  readonly inspectFails?: string;
  readonly secrets?: Record<string, object>;
}

/** What happens when an image is wanted: the outcome, the events, and with which users it was pulled. */
async function want(fields: Partial<Container>, scene: Scene = {}, spec: Partial<PodSpec> = {}) {
  const clock = manualClock();
  const images = new Set(scene.present ?? []);
  const users: string[] = [];
  const events: string[] = [];
  const image = (id: string): Image => ({
    id,
    repoTags: [],
    repoDigests: [],
    size: 7,
    username: '',
    pinned: false,
  });
  const puller = createImagePuller({
    cri: {
      imageStatus: async (request) => {
        if (scene.inspectFails !== undefined) throw new Error(scene.inspectFails);
        const name = request.image?.image ?? '';
        return { info: {}, ...(images.has(name) ? { image: image(`id of ${name}`) } : {}) };
      },
      pullImage: async (request) => {
        await clock.pass(1500);
        const user = (request.auth as Init<AuthConfig> | undefined)?.username ?? '';
        users.push(user);
        const failure = scene.pull?.(user);
        if (failure !== undefined) throw new Error(failure);
        images.add(request.image?.image ?? '');
        return { imageRef: 'ref' };
      },
    },
    offline: () => scene.offline === true,
    events: {
      pod: (_pod, type, reason, message, name) => void events.push(`${type} ${reason} ${name}: ${message}`),
      node: () => {},
    },
    clock,
    settings: { parallel: 1, perSecond: 0, burst: 0 },
  });
  const read: ReadReferenced = async (type, name) => {
    const object = scene.secrets?.[name];
    return object === undefined ? undefined : dataOf(type, object as Record<string, unknown>);
  };
  const it = container('main', fields);
  const outcome = await puller
    .ensure({ pod: pod('web', spec), container: it, read, sandbox: {} }, never)
    .then(
      ({ id }) => id,
      (error) => {
        assert.ok(isKubeEdgeError(error, 'EDGED_IMAGE'));
        return `${error.details['reason']}: ${error.message}`;
      },
    );
  return { outcome, events, users };
}

const A = 'registry.example/a:1';
const already = `Normal Pulled main: Container image "${A}" already present on machine`;
const pulling = `Normal Pulling main: Pulling image "${A}"`;
const pulled = `Normal Pulled main: Successfully pulled image "${A}" in 1.5s (1.5s including waiting). Image size: 7 bytes.`;
const failing = (why: string) => [
  pulling,
  `Warning Failed main: Failed to pull image "${A}": ${why}`,
  `Normal BackOff main: Back-off pulling image "${A}"`,
];

describe('pull policies', () => {
  const cases: [string, Partial<Container>, Scene, string, string[]][] = [
    ['IfNotPresent, present', {}, { present: [A] }, `id of ${A}`, [already]],
    ['IfNotPresent, absent', {}, {}, `id of ${A}`, [pulling, pulled]],
    ['Always, present', { imagePullPolicy: 'Always' }, { present: [A] }, `id of ${A}`, [pulling, pulled]],
    [
      'Always, present, the cloud away: what is there is used',
      { imagePullPolicy: 'Always' },
      { present: [A], offline: true },
      `id of ${A}`,
      [already],
    ],
    ['Never, present', { imagePullPolicy: 'Never' }, { present: [A] }, `id of ${A}`, [already]],
    [
      'Never, absent',
      { imagePullPolicy: 'Never' },
      {},
      `ErrImageNeverPull: Container image "${A}" is not present with pull policy of Never`,
      [`Warning ErrImageNeverPull main: Container image "${A}" is not present with pull policy of Never`],
    ],
  ];
  for (const [title, fields, scene, outcome, events] of cases) {
    test(title, async () => {
      const seen = await want({ image: A, ...fields }, scene);
      assert.deepEqual([seen.outcome, seen.events], [outcome, events]);
    });
  }
  test('without a policy: Always for latest, which is meant without a tag', async () => {
    const { events } = await want(
      { image: 'docker.io/library/b', imagePullPolicy: undefined as never },
      { present: ['docker.io/library/b:latest'] },
    );
    assert.match(events[0] ?? '', /^Normal Pulling main: Pulling image "docker.io\/library\/b"/);
    const pinned = await want({ image: A, imagePullPolicy: undefined as never }, { present: [A] });
    assert.deepEqual(pinned.events, [already]);
  });
});

describe('why a pull failed', () => {
  const cases: [string, string, string][] = [
    ['anything', 'not found', 'ErrImagePull: not found'],
    [
      'RegistryUnavailable',
      'RegistryUnavailable: connection refused',
      `RegistryUnavailable: image pull failed for ${A} because the registry is unavailable: connection refused`,
    ],
    [
      'SignatureValidationFailed',
      'SignatureValidationFailed: no signature',
      `SignatureValidationFailed: image pull failed for ${A} because the signature validation failed: no signature`,
    ],
  ];
  for (const [title, text, outcome] of cases) {
    test(`the runtime says ${title}`, async () => {
      const seen = await want({ image: A }, { pull: () => text });
      assert.equal(seen.outcome, outcome);
      assert.deepEqual(seen.events, failing(outcome.slice(outcome.indexOf(': ') + 2)));
    });
  }
  test('the runtime does not answer for the image', async () => {
    const { outcome, events } = await want({ image: A }, { inspectFails: 'broken' });
    assert.equal(outcome, `ImageInspectError: Failed to inspect image "${A}": broken`);
    assert.deepEqual(events, [`Warning InspectFailed main: Failed to inspect image "${A}": broken`]);
  });
  test('a name that no image can have', async () => {
    const { outcome, events } = await want({ image: 'a b' });
    assert.match(
      outcome,
      /^InvalidImageName: Failed to apply default image tag "a b": couldn't parse image name/,
    );
    assert.match(events[0] ?? '', /^Warning InspectFailed main: Failed to apply default image tag "a b"/);
  });
});

describe('pull secrets', () => {
  const auth = (name: string) => Buffer.from(`${name}:word`).toString('base64');
  const config = (auths: object) => ({
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  });
  const legacy = (auths: object) => ({
    data: { '.dockercfg': Buffer.from(JSON.stringify(auths)).toString('base64') },
  });

  test('each that fits is tried, the most specific first, until one is taken', async () => {
    const secrets = {
      wide: config({ 'registry.example': { auth: auth('wide') }, 'other.example': { auth: auth('other') } }),
      narrow: legacy({ 'https://registry.example/a': { username: 'narrow', password: 'word' } }),
    };
    const spec = { imagePullSecrets: [{ name: 'wide' }, { name: 'narrow' }] };
    const refuse = (user: string) => (user === 'narrow' ? 'unauthorized' : undefined);
    const seen = await want({ image: A }, { secrets, pull: refuse }, spec);
    assert.deepEqual([seen.outcome, seen.users], [`id of ${A}`, ['narrow', 'wide']]);
  });

  test('a secret that is missing is told, and the pull goes on without', async () => {
    const spec = { imagePullSecrets: [{ name: 'gone' }, {}, { name: 'lost' }] };
    const { events, users } = await want({ image: A }, {}, spec);
    assert.deepEqual(users, ['']);
    assert.deepEqual(events, [
      pulling,
      'Warning FailedToRetrieveImagePullSecret undefined: Unable to retrieve some image pull secrets (gone, lost); attempting to pull the image may not succeed.',
      pulled,
    ]);
  });

  const located: [string, string, boolean][] = [
    ['https://index.docker.io/v1/', 'busybox:1', true],
    ['docker.io', 'library/busybox', true],
    ['docker.io', 'registry.example/a', false],
    ['registry.example:5000', 'registry.example:5000/a', true],
    ['registry.example:5000', 'registry.example/a', false],
    ['*.example', 'registry.example/a', true],
    ['*.example', 'a.b.example/a', false],
    ['reg*.example', 'registry.example/a', true],
    ['registry.example/team', 'registry.example/team/a:1', true],
    ['registry.example/team', 'registry.example/other/a', false],
    ['http://registry.example/v2/', 'registry.example/a', true],
  ];
  for (const [location, image, fits] of located) {
    test(`${location} ${fits ? 'fits' : 'does not fit'} ${image}`, async () => {
      const secret = config({ [location]: { auth: auth('u') } });
      const it = pod('x', { imagePullSecrets: [{ name: 's' }] });
      const read: ReadReferenced = async (type) => dataOf(type, secret);
      assert.equal((await credentialsFor(image, it, read)).fitting.length, fits ? 1 : 0);
    });
  }

  test('what is no configuration of a registry is as good as none', async () => {
    const it = pod('x', { imagePullSecrets: [{ name: 's' }] });
    for (const text of [
      '',
      'null',
      '[]',
      '7',
      '{"auths":[]}',
      '{"auths":{"a":7}}',
      '{',
      '{"auths":{"a":{"auth":7}}}',
    ]) {
      const data = { '.dockerconfigjson': Buffer.from(text).toString('base64') };
      const { missing } = await credentialsFor('a/b', it, async (type) => dataOf(type, { data }));
      assert.deepEqual(missing, [], text);
    }
  });
});

describe('references', () => {
  test('a tag is added where there is none, never to a digest', () => {
    const digest = `a@sha256:${'0'.repeat(64)}`;
    const cases: [string, string][] = [
      ['busybox', 'busybox:latest'],
      ['registry:5000/a', 'registry:5000/a:latest'],
      ['a:1', 'a:1'],
      ['a:latest', 'a:latest'],
      [digest, digest],
    ];
    for (const [image, expected] of cases) assert.equal(withTag(image), expected);
  });
  test('what a registry cannot have', () => {
    for (const good of ['a', 'a/b:1', 'reg.example:5000/a/b@sha256:' + '0'.repeat(64)])
      assert.ok(isReference(good), good);
    for (const bad of ['', 'a b', 'A', 'reg.example/Up', 'a:', 'a@sha256:12', 'x'.repeat(3000), '-a/$(x)']) {
      assert.ok(!isReference(bad), bad);
    }
  });
});
