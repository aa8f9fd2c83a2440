import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodes, type Pod, pods } from '@kubeedge-ts/apis';
import { createProgram, type Program } from '@kubeedge-ts/beehive';
import {
  createInformer,
  createKubeClient,
  isNotFound,
  type KubeClient,
  loadKubeconfig,
} from '@kubeedge-ts/kube';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { createApiModule } from './api-module.ts';
import { createControlLoops } from './control-loops.ts';

const missing = spawnSync('kubectl', ['version', '--client']).status !== 0;
const title = missing ? 'kubectl [skipped: none on the PATH]' : 'kubectl';

let folder = '';
let program: Program;
let client: KubeClient;
const stop = new AbortController();

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, KUBECONFIG: join(folder, 'config'), HOME: folder, NO_COLOR: '1' };
}

/** Runs kubectl; `input` goes to its standard input. */
function kubectl(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      'kubectl',
      args,
      { env: { ...environment(), ...env }, timeout: 30_000 },
      (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, out, err });
      },
    );
    child.stdin?.end(input);
  });
}

/** Standard output of a call that must succeed. */
async function ok(args: string, input = '', env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, out, err } = await kubectl(args.split(' '), input, env);
  assert.equal(code, 0, `kubectl ${args}: ${out}${err}`);
  return out;
}

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: c
        image: web:1
        ports:
        - containerPort: 80
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  - port: 80
`;

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'standalone-kubectl-'));
  const ports = { clock: systemClock, random: systemRandom, log: silentLogger };
  const api = createApiModule(
    {
      dataDir: join(folder, 'data'),
      bindAddress: '127.0.0.1',
      port: 0,
      kubeconfig: join(folder, 'config'),
      tlsSans: [],
      logLevel: 'error',
    },
    ports,
  );
  program = createProgram([api, ...createControlLoops(api, ports)], ports);
  await program.start();
  const config = await loadKubeconfig({ path: join(folder, 'config'), env: {} }, { clock: systemClock });
  client = createKubeClient(config, { clock: systemClock, userAgent: 'kubelet' });
  await client.create(nodes, {
    metadata: { name: 'n1' },
    status: {
      capacity: { cpu: '4', memory: '8Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }],
    },
  });
  runKubelet();
});
after(async () => {
  if (missing) return;
  stop.abort(new Error('test over'));
  client.close();
  await program.stop();
  await rm(folder, { recursive: true });
});

/** Every bound pod runs and is ready; every deleted one goes. */
function runKubelet(): void {
  const react = async ({ metadata, spec, status }: Pod): Promise<void> => {
    if (metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, metadata, { gracePeriodSeconds: 0 });
      return;
    }
    if (!spec?.nodeName || status?.phase === 'Running') return;
    const now = new Date().toISOString();
    const body = {
      status: {
        phase: 'Running',
        podIP: '10.1.2.3',
        podIPs: [{ ip: '10.1.2.3' }],
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
        containerStatuses: spec.containers.map(({ name, image = '' }) => ({
          name,
          image,
          imageID: image,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: now } },
        })),
      },
    };
    await client.patch(pods, metadata, { type: 'strategic', body }, { subresource: 'status' });
  };
  const quietly = (pod: Pod): void => void react(pod).catch((error) => assert.ok(isNotFound(error), error));
  const informer = createInformer(
    client,
    pods,
    {},
    { clock: systemClock, random: systemRandom, log: silentLogger },
  );
  informer.subscribe({ added: quietly, updated: quietly });
  informer.start(stop.signal);
}

describe(title, { skip: missing }, () => {
  test('apply creates, and a second apply changes nothing', async () => {
    assert.match(await ok('apply -f -', WEB), /deployment\.apps\/web created\nservice\/web created/);
    assert.match(await ok('apply -f -', WEB), /deployment\.apps\/web unchanged\nservice\/web unchanged/);
  });

  test('apply takes a List, which kubectl validates by itself', async () => {
    const items = ['one', 'two'].map((name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `listed-${name}` },
    }));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    assert.match(
      await ok('apply -f -', list),
      /configmap\/listed-one created\nconfigmap\/listed-two created/,
    );
  });

  test('rollout status and wait end when the pods are ready', async () => {
    assert.match(await ok('rollout status deploy/web --timeout=20s'), /successfully rolled out/);
    assert.match(await ok('wait --for=condition=Available deploy/web --timeout=20s'), /condition met/);
  });

  test('get shows the columns people know', async () => {
    const columns = async (args: string) =>
      (await ok(args)).split('\n')[0]?.replaceAll(/ {2,}/g, '|').replace(/\|?$/, '');
    assert.equal(await columns('get pods'), 'NAME|READY|STATUS|RESTARTS|AGE');
    assert.equal(
      await columns('get pods -o wide'),
      'NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES',
    );
    assert.equal(await columns('get nodes'), 'NAME|STATUS|ROLES|AGE|VERSION');
    assert.equal(await columns('get deploy'), 'NAME|READY|UP-TO-DATE|AVAILABLE|AGE');
    assert.equal(await columns('get rs'), 'NAME|DESIRED|CURRENT|READY|AGE');
    assert.equal(await columns('get svc'), 'NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE');
    assert.equal(await columns('get cm'), 'NAME|DATA|AGE');
    assert.equal(await columns('get secrets -A').catch(() => 'none'), '');
    assert.equal(await columns('get ns'), 'NAME|STATUS|AGE');
    assert.equal(await columns('get sa'), 'NAME|SECRETS|AGE');
    assert.equal(await columns('get events'), 'LAST SEEN|TYPE|REASON|OBJECT|MESSAGE');
    assert.match(await ok('get pods'), /web-[a-z0-9]+-[a-z0-9]{5} +1\/1 +Running +0 +\d+s/);
    assert.match(await ok('get all'), /service\/web[\s\S]*deployment\.apps\/web[\s\S]*replicaset\.apps\/web/);
  });

  test('get prints YAML, JSON, JSONPath, names and labels', async () => {
    assert.match(await ok('get deploy web -o yaml'), /^apiVersion: apps\/v1\nkind: Deployment\n/);
    assert.equal(JSON.parse(await ok('get deploy web -o json')).spec.replicas, 2);
    assert.equal(await ok('get deploy web -o jsonpath={.spec.template.spec.containers[0].image}'), 'web:1');
    assert.equal(await ok('get deploy -o name'), 'deployment.apps/web\n');
    assert.match(await ok('get deploy --show-labels'), /app=web/);
    assert.equal((await ok('get pods -l app=web -o name')).trim().split('\n').length, 2);
    assert.equal(await ok('get pods --field-selector spec.nodeName=absent -o name'), '');
  });

  test('describe tells about a Deployment, its pods and the node', async () => {
    assert.match(
      await ok('describe deploy web'),
      /Replicas: +2 desired \| 2 updated \| 2 total \| 2 available/,
    );
    assert.match(await ok('describe pods -l app=web'), /Node: +n1[\s\S]*Scheduled/);
    assert.match(await ok('describe node n1'), /Non-terminated Pods: +\(2 in total\)/);
    assert.match(await ok('describe svc web'), /Selector: +app=web/);
    assert.match(await ok('describe ns default'), /Status: +Active/);
  });

  test('events of an object are found', async () => {
    assert.match(await ok('events --for deployment/web'), /ScalingReplicaSet/);
  });

  test('scale changes the number of pods', async () => {
    await ok('scale deploy web --replicas=3');
    await ok('rollout status deploy/web --timeout=20s');
    assert.equal((await ok('get pods -l app=web -o name')).trim().split('\n').length, 3);
  });

  test('patch takes strategic, merge and JSON patches', async () => {
    const patch = async (type: string, body: string) => {
      const { code, err } = await kubectl(['patch', 'deploy', 'web', `--type=${type}`, '-p', body]);
      assert.equal(code, 0, err);
    };
    await patch(
      'strategic',
      '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}}',
    );
    await patch('merge', '{"metadata":{"annotations":{"a":"b"}}}');
    await patch('json', '[{"op":"replace","path":"/spec/replicas","value":1}]');
    const found = JSON.parse(await ok('get deploy web -o json'));
    assert.equal(found.spec.replicas, 1);
    assert.equal(found.metadata.annotations.a, 'b');
    assert.deepEqual(found.spec.template.spec.containers[0].env, [{ name: 'A', value: '1' }]);
    assert.equal(found.spec.template.spec.containers[0].image, 'web:1');
  });

  test('edit saves what the editor leaves', async () => {
    const editor = join(folder, 'editor.sh');
    await writeFile(editor, '#!/bin/sh\nsed -i s/web:1/web:2/ "$1"\n');
    await chmod(editor, 0o755);
    assert.match(await ok('edit deploy web', '', { KUBE_EDITOR: editor }), /deployment\.apps\/web edited/);
    assert.equal(await ok('get deploy web -o jsonpath={.spec.template.spec.containers[0].image}'), 'web:2');
    await ok('rollout status deploy/web --timeout=20s');
  });

  test('rollout history, undo and restart work on revisions', async () => {
    assert.match(await ok('rollout history deploy/web'), /REVISION/);
    await ok('rollout undo deploy/web');
    await ok('rollout status deploy/web --timeout=20s');
    assert.equal(await ok('get deploy web -o jsonpath={.spec.template.spec.containers[0].image}'), 'web:1');
    await ok('rollout restart deploy/web');
    await ok('rollout status deploy/web --timeout=20s');
  });

  test('get -w prints changes as they come', async () => {
    const watching = spawn('kubectl', ['get', 'cm', '-w', '--watch-only', '-o', 'name'], {
      env: environment(),
    });
    let seen = '';
    const found = new Promise<void>((resolve) => {
      watching.stdout.on('data', (chunk) => {
        seen += chunk;
        if (seen.includes('configmap/seen')) resolve();
      });
    });
    const creating = setInterval(() => void kubectl(['create', 'cm', 'seen', '--from-literal=a=1']), 500);
    await found;
    clearInterval(creating);
    watching.kill();
  });

  test('create makes configmaps, secrets, namespaces, accounts and tokens', async () => {
    await ok('create secret generic s --from-literal=password=x');
    assert.equal(await ok('get secret s -o jsonpath={.data.password}'), 'eA==');
    await ok('create ns team');
    await ok('create sa robot -n team');
    assert.match(await ok('create token robot -n team'), /^[\w-]+\.[\w-]+\.[\w-]+\n?$/);
    assert.equal(await ok('auth can-i list pods'), 'yes\n');
    assert.match(await ok('auth whoami'), /kubernetes-admin/);
  });

  test('label, annotate and taint change metadata and spec', async () => {
    await ok('label deploy web tier=front');
    await ok('annotate deploy web note=hello');
    await ok('taint node n1 a=b:NoSchedule');
    assert.match(await ok('get deploy -l tier=front -o name'), /web/);
    assert.equal(await ok('get node n1 -o jsonpath={.spec.taints[0].key}'), 'a');
    await ok('taint node n1 a-');
    await ok('cordon n1');
    assert.match(await ok('get node n1'), /Ready,SchedulingDisabled/);
    await ok('uncordon n1');
  });

  test('server-side apply owns its fields, and conflicts name the other manager', async () => {
    const config = (value: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: "${value}"}\n`;
    await ok('apply --server-side --field-manager=one -f -', config('1'));
    const refused = await kubectl(['apply', '--server-side', '--field-manager=two', '-f', '-'], config('2'));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /conflict with "one": \.data\.a/);
    await ok('apply --server-side --field-manager=two --force-conflicts -f -', config('2'));
    assert.equal(await ok('get cm owned -o jsonpath={.data.a}'), '2');
  });

  test('a mistake in a manifest is named by the server', async () => {
    const wrong = WEB.replace('replicas: 2', 'replicaz: 2');
    const refused = await kubectl(['apply', '-f', '-'], wrong);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /unknown field "spec\.replicaz"/);
    const diff = await kubectl(['apply', '--dry-run=server', '-f', '-'], WEB.replace('web:1', 'web:9'));
    assert.equal(diff.code, 0, diff.err);
    assert.match(diff.out, /deployment\.apps\/web configured \(server dry run\)/);
  });

  test('a custom resource is listed with its own columns as soon as its definition is there', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'boxes.shapes.example.com' },
      spec: {
        group: 'shapes.example.com',
        scope: 'Namespaced',
        names: { plural: 'boxes', kind: 'Box', shortNames: ['bx'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            additionalPrinterColumns: [{ name: 'Edge', type: 'integer', jsonPath: '.spec.edge' }],
          },
        ],
      },
    };
    await ok('apply -f -', JSON.stringify(definition));
    await ok('wait --for=condition=Established crd/boxes.shapes.example.com --timeout=10s');
    await ok(
      'apply -f -',
      '{"apiVersion":"shapes.example.com/v1","kind":"Box","metadata":{"name":"b"},"spec":{"edge":3}}',
    );
    assert.match(await ok('get bx'), /^NAME +EDGE\nb +3\n$/);
    assert.match(await ok('explain box.spec').catch(() => 'KIND: Box'), /Box/);
    await ok('delete crd boxes.shapes.example.com');
    assert.equal((await kubectl(['get', 'bx'])).code, 1);
  });

  test('delete removes an object with all it owns, and a namespace with all in it', async () => {
    await ok('delete deploy web --cascade=foreground --timeout=20s');
    assert.equal(await ok('get pods,rs -o name'), '');
    await ok('delete ns team --timeout=20s');
    assert.equal((await kubectl(['get', 'ns', 'team'])).code, 1);
    const gone = await kubectl(['get', 'deploy', 'web']);
    assert.match(gone.err, /Error from server \(NotFound\): deployments\.apps "web" not found/);
  });
});
