import { join } from 'node:path';
import { type Cloud, type Kubectl, until } from '@kubeedge-ts/testing/site';

/** What the checks need of the running site. */
export interface Demo {
  readonly root: string;
  readonly cloud: Cloud;
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  /** Addresses of the pods that have a running sandbox, from the runtime itself. */
  podAddresses(): Promise<string[]>;
  /** The edge loses power: edgecore, containerd and everything in memory; both start again. */
  reboot(): Promise<void>;
}

export interface Step {
  readonly title: string;
  /** Resolves with what was seen. */
  readonly run: (demo: Demo) => Promise<string>;
}

interface PodList {
  items: {
    metadata: { name: string; uid: string };
    status: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[] };
  }[];
}

const SECONDS = 1000;

async function http(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2 * SECONDS) });
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return (await response.text()).trim();
}

async function webPods(kubectl: Kubectl): Promise<PodList['items']> {
  return (await kubectl.json<PodList>(['get', 'pods', '-l', 'app=web'])).items;
}

async function readyNode({ kubectl, nodeName }: Demo, timeoutMs: number): Promise<string> {
  return until(
    `node ${nodeName} is Ready`,
    async () => {
      const status = await kubectl([
        'get',
        'node',
        nodeName,
        '-o',
        'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}',
      ]);
      return status.startsWith('True') ? status : undefined;
    },
    { timeoutMs },
  );
}

/** Both replicas answer on their pod addresses with `greeting`. */
async function bothAnswer(kubectl: Kubectl, greeting: string, timeoutMs: number): Promise<string> {
  return until(
    `two web pods answer "${greeting}"`,
    async () => {
      const pods = (await webPods(kubectl)).filter(
        (pod) => pod.status.phase === 'Running' && pod.status.podIP,
      );
      if (pods.length !== 2) throw new Error(`${pods.length} of 2 pods are Running`);
      for (const pod of pods) {
        const answer = await http(`http://${pod.status.podIP}/greeting`);
        if (answer !== greeting) throw new Error(`${pod.metadata.name} answers "${answer}"`);
      }
      return pods.map((pod) => `${pod.metadata.name} on ${pod.status.podIP}`).join(', ');
    },
    { timeoutMs, everyMs: 200 },
  );
}

interface Twins {
  status?: { twins?: { propertyName: string; reported?: { value?: string } }[] };
}

function reportedOf(object: Twins, property: string): string | undefined {
  return object.status?.twins?.find((twin) => twin.propertyName === property)?.reported?.value || undefined;
}

/** The checks of `bin/quickstart --check`, in order. */
export const STEPS: readonly Step[] = [
  {
    title: 'the edge node is Ready',
    run: (demo) => readyNode(demo, 60 * SECONDS),
  },
  {
    title: 'a Deployment of two replicas runs and answers HTTP on its pod addresses',
    run: async ({ kubectl, root }) => {
      await kubectl(['apply', '-f', join(root, 'examples/web/web.yaml')]);
      const seen = await bothAnswer(kubectl, 'hello from the edge', 60 * SECONDS);
      await kubectl(['rollout', 'status', 'deployment/web', '--timeout=30s']);
      return seen;
    },
  },
  {
    title: 'a changed ConfigMap reaches the running containers within seconds',
    run: async ({ kubectl }) => {
      const greeting = `changed at ${new Date().toISOString()}`;
      await kubectl(['patch', 'configmap', 'web-content', '-p', JSON.stringify({ data: { greeting } })]);
      return bothAnswer(kubectl, greeting, 10 * SECONDS);
    },
  },
  {
    title: 'reported values are visible with kubectl in both API versions',
    run: ({ kubectl }) =>
      until(
        'temperature and humidity are reported',
        async () => {
          const old = await kubectl.json<Twins>(['get', 'devices.v1alpha2.devices.kubeedge.io', 'dht11']);
          const status = await kubectl.json<Twins>([
            'get',
            'devicestatuses.v1beta1.devices.kubeedge.io',
            'dht11',
          ]);
          const values = [
            reportedOf(old, 'temperature'),
            reportedOf(old, 'humidity'),
            reportedOf(status, 'temperature'),
            reportedOf(status, 'humidity'),
          ];
          if (values.some((value) => value === undefined))
            throw new Error(`reported so far: ${JSON.stringify(values)}`);
          return `v1alpha2 status.twins: ${values[0]}, ${values[1]}; v1beta1 DeviceStatus: ${values[2]}, ${values[3]}`;
        },
        { timeoutMs: 60 * SECONDS, everyMs: 300 },
      ),
  },
  {
    title: 'a desired value reaches the mapper and comes back as reported',
    run: async ({ kubectl }) => {
      const device = await kubectl.json<{
        spec: { properties: { name: string; desired?: { value: string } }[] };
      }>(['get', 'devices.v1beta1.devices.kubeedge.io', 'virtual-fan']);
      const index = device.spec.properties.findIndex((property) => property.name === 'speed');
      const speed = String(100 + Math.floor(Math.random() * 900));
      await kubectl([
        'patch',
        'devices.v1beta1.devices.kubeedge.io',
        'virtual-fan',
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'add', path: `/spec/properties/${index}/desired`, value: { value: speed } }]),
      ]);
      return until(
        `speed ${speed} is reported`,
        async () => {
          const status = await kubectl.json<Twins>([
            'get',
            'devicestatuses.v1beta1.devices.kubeedge.io',
            'virtual-fan',
          ]);
          const reported = reportedOf(status, 'speed');
          if (reported !== speed) throw new Error(`reported is ${reported}`);
          return `desired ${speed}, reported ${reported}`;
        },
        { timeoutMs: 30 * SECONDS, everyMs: 200 },
      );
    },
  },
  {
    title: 'after a reboot of the edge with the cloud away the pods run again',
    run: async (demo) => {
      const before = await webPods(demo.kubectl);
      await demo.cloud.stopCloudcore('kill');
      await demo.reboot();
      return until('both web pods serve again', () => serving(demo, before.length), {
        timeoutMs: 60 * SECONDS,
        everyMs: 300,
      });
    },
  },
  {
    title: 'cloudcore returns: the node is Ready and the pods kept their identity',
    run: async (demo) => {
      const before = new Set((await webPods(demo.kubectl)).map((pod) => pod.metadata.uid));
      await demo.cloud.startCloudcore();
      await readyNode(demo, 60 * SECONDS);
      const pods = await until(
        'both pods are reported Running with their new addresses',
        async () => {
          const list = await webPods(demo.kubectl);
          for (const pod of list) {
            if (pod.status.phase !== 'Running')
              throw new Error(`${pod.metadata.name} is ${pod.status.phase}`);
            await http(`http://${pod.status.podIP}/greeting`);
          }
          return list.length === 2 ? list : undefined;
        },
        { timeoutMs: 60 * SECONDS, everyMs: 300 },
      );
      if (!pods.every((pod) => before.has(pod.metadata.uid))) throw new Error('a pod was replaced');
      return pods.map((pod) => `${pod.metadata.name} on ${pod.status.podIP}`).join(', ');
    },
  },
];

/** Which pods serve, asked at the runtime: the cloud is away and its API still shows the old addresses. */
async function serving(demo: Demo, count: number): Promise<string> {
  const addresses = await demo.podAddresses();
  const answers = await Promise.allSettled(addresses.map((address) => http(`http://${address}/greeting`)));
  const answering = addresses.filter((_, index) => answers[index]?.status === 'fulfilled');
  if (answering.length !== count) throw new Error(`${answering.length} of ${count} pods answer`);
  return `answering on ${answering.join(', ')}`;
}
