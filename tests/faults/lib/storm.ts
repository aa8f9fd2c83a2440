import { configMaps, pods } from '@kubeedge-ts/apis';
import { isNotFound } from '@kubeedge-ts/kube';
import type { Random } from '@kubeedge-ts/runtime';
import { configOf, type FaultBed, podOf } from './fault-bed.ts';

const PACE_MS = 120;
const CONFIGS = ['c0', 'c1', 'c2'];
const PODS = ['p0', 'p1', 'p2', 'p3', 'p4'];

type Step = (chance: Random) => Promise<unknown> | unknown;

/** Changes and faults, one after the other, chosen by the seed. */
export interface Storm {
  /** The objects there are before. */
  begin(): Promise<void>;
  /** Does one thing; returns its name. */
  step(): Promise<string>;
  /** How often each container was made to end, by the pod's uid. */
  readonly exits: ReadonlyMap<string, number>;
}

export function createStorm(bed: FaultBed, random: Random): Storm {
  const { kube, proxy, cloud, edge, runtime, nodeName } = bed;
  const exits = new Map<string, number>();
  let count = 0;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const absent = (error: unknown): undefined => {
    if (!isNotFound(error)) throw error;
  };

  const writeConfig = async (): Promise<void> => {
    const config = configOf(pick(CONFIGS), ++count);
    const key = { namespace: 'default', name: config.metadata.name };
    const written = await kube
      .patch(configMaps, key, { type: 'merge', body: { data: config.data } })
      .catch(absent);
    if (written === undefined) await kube.create(configMaps, config);
  };
  const removeConfig = () =>
    kube.delete(configMaps, { namespace: 'default', name: pick(CONFIGS) }).catch(absent);
  const togglePod = async (): Promise<void> => {
    const name = pick(PODS);
    const key = { namespace: 'default', name };
    const present = await kube.get(pods, key).catch(absent);
    if (present === undefined) await kube.create(pods, podOf(nodeName, name, pick(CONFIGS)));
    // One whose end was asked for before may be gone between the look and the delete.
    else await kube.delete(pods, key, { gracePeriodSeconds: 1 }).catch(absent);
  };
  /** Each container at most once: a second end would wait for its back-off. */
  const endContainer = (): void => {
    const running = [...runtime.runtime.containers.values()].filter(({ isRunning }) => isRunning);
    const uids = running.map(({ config }) => config.labels?.['io.kubernetes.pod.uid'] ?? '');
    const at = uids.findIndex((uid) => uid !== '' && !exits.has(uid));
    const uid = uids[at];
    if (uid === undefined) return;
    exits.set(uid, 1);
    running[at]?.exit(3);
  };
  const killCloud = async (): Promise<void> => {
    await cloud.stopCloudcore('kill');
    await pause(random.next() * 500);
    await cloud.startCloudcore();
  };
  const killEdge = async (): Promise<void> => {
    await edge.stop('kill');
    await pause(random.next() * 500);
    edge.start();
  };

  /** Name, weight, and what it does. */
  const steps: readonly (readonly [string, number, Step])[] = [
    ['write a ConfigMap', 10, writeConfig],
    ['remove a ConfigMap', 2, removeConfig],
    ['create or delete a pod', 6, togglePod],
    ['end a container', 3, endContainer],
    ['wait', 3, () => pause(random.next() * 500)],
    ['reset the link', 3, () => proxy.reset()],
    [
      'reset the link in the middle of a message',
      3,
      () => proxy.resetAfter(Math.floor(random.next() * 4_000)),
    ],
    ['silence the link', 1, () => proxy.silence()],
    [
      'slow the link down',
      2,
      () => proxy.set({ latencyMs: random.next() * 100, jitterMs: random.next() * 200 }),
    ],
    ['heal the link', 3, () => proxy.heal()],
    ['kill cloudcore', 1, killCloud],
    ['kill edgecore', 1, killEdge],
  ];
  const total = steps.reduce((sum, [, weight]) => sum + weight, 0);

  return {
    exits,
    async begin() {
      for (const name of CONFIGS) await kube.create(configMaps, configOf(name, ++count));
      for (const [index, name] of PODS.entries()) {
        await kube.create(pods, podOf(nodeName, name, CONFIGS[index % CONFIGS.length] as string));
      }
    },
    async step() {
      let at = random.next() * total;
      for (const [name, weight, run] of steps) {
        at -= weight;
        if (at > 0) continue;
        await run(random);
        // Time for it to get half-way.
        await pause(random.next() * PACE_MS);
        return name;
      }
      return 'nothing';
    },
  };
}
