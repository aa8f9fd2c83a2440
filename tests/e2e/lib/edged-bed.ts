import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CriClient, createCriClient } from '@kubeedge-ts/cri';
import { createLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { type Containerd, startContainerd, unmountBelow } from '@kubeedge-ts/testing/containerd';
import {
  createEdged,
  type Edged,
  type EdgedConfig,
  systemHost,
} from '../../../apps/edgecore/src/edged/index.ts';
import { edgedConfig } from '../../../apps/edgecore/src/edged/testing/config.ts';
import { type MemoryMeta, memoryMeta } from '../../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { deleting } from '../../../apps/edgecore/src/edged/testing/pods.ts';

export interface EdgedBedOptions {
  /** Tells several beds of one test process apart. */
  readonly name?: string;
  readonly config?: Partial<EdgedConfig>;
  /** Where the runtime keeps its images; default: a directory of its own. */
  readonly containerdDir?: string;
  /** Where containers are told that the edge's API is. */
  readonly service?: { readonly host: string; readonly port: string };
}

/** Edged in this process on a private containerd, with a MetaManager in memory: no cloud, real containers. */
export interface EdgedBed {
  readonly containerd: Containerd;
  /** Holds `kubelet`, `pod-logs`, `containers` (the log links) and `manifests` (static pods). */
  readonly dir: string;
  /** Path below each cgroup hierarchy. */
  readonly cgroup: string;
  readonly meta: MemoryMeta;
  /** What edged is started with. */
  readonly config: EdgedConfig;
  /** A client of the runtime beside edged's. */
  readonly cri: CriClient;
  /** The edged that runs now. */
  readonly edged: Edged;
  start(): Promise<void>;
  /** Stops edged; pods go on. */
  stop(): Promise<void>;
  /** Stored pods get the status last reported, as the cloud sends it back. */
  echoStatuses(): void;
  /** DESIGN §12: what a power cut takes is gone; edged is not started again, the daemon neither. */
  powerOff(): Promise<void>;
  /** Deletes every pod and waits until the cloud would know. */
  deleteAllPods(): Promise<void>;
  /** @throws AssertionError when containers, mounts, directories, logs or cgroups of pods are left */
  assertNothingLeft(): Promise<void>;
  close(): Promise<void>;
  /** Fails with the statuses of pods that are not ready. Milliseconds, default 20,000. */
  until<T>(
    what: string,
    look: () => T | undefined | false | Promise<T | undefined | false>,
    ms?: number,
  ): Promise<T>;
  phaseOf(pod: string): string | undefined;
  isReady(pod: string): boolean;
  /** Id in the runtime of the newest run. */
  containerId(pod: string, container?: string): string;
  /** Runs a command in the pod's first container, or the named one; its output. @throws AssertionError unless it exits with 0 */
  exec(pod: string | { pod: string; container: string }, ...cmd: string[]): Promise<string>;
  /** Ids of all containers and sandboxes. */
  containerIds(): Promise<string[]>;
  /** A trimmed file of a cgroup v1 hierarchy: `memory/kubepods/memory.limit_in_bytes` below the bed's cgroup. */
  readCgroup(controller: string, path: string): Promise<string>;
}

export async function createEdgedBed(options: EdgedBedOptions = {}): Promise<EdgedBed> {
  const root = process.env['KUBEEDGE_TS_CGROUP'] ?? 'kets';
  const cgroup = `/${root}/edged-${process.pid}${options.name === undefined ? '' : `-${options.name}`}`;
  const dir = await mkdtemp(join(tmpdir(), 'kets-edged-'));
  await mkdir(join(dir, 'manifests'));
  const containerd = await startContainerd({
    cgroups: [cgroup],
    ...(options.containerdDir === undefined ? {} : { dir: options.containerdDir }),
  });
  const meta = memoryMeta();
  const cri = createCriClient({ endpoint: containerd.endpoint, clock: systemClock });
  let edged: Edged | undefined;
  const config = edgedConfig({
    rootDir: join(dir, 'kubelet'),
    podLogsDir: join(dir, 'pod-logs'),
    staticPodDir: join(dir, 'manifests'),
    nodeIP: '127.0.0.1',
    cgroupRoot: cgroup,
    readOnlyPort: 0,
    ...options.config,
  });

  const statusOfContainer = (pod: string, container: string | undefined) => {
    const status = meta.statusOf(pod);
    const all = [
      ...(status?.containerStatuses ?? []),
      ...(status?.initContainerStatuses ?? []),
      ...(status?.ephemeralContainerStatuses ?? []),
    ];
    return container === undefined ? all[0] : all.find(({ name }) => name === container);
  };

  const bed: EdgedBed = {
    containerd,
    dir,
    cgroup,
    meta,
    config,
    cri,
    get edged() {
      if (edged === undefined) throw new Error('edged does not run');
      return edged;
    },
    async start() {
      edged = createEdged({
        cri: createCriClient({ endpoint: containerd.endpoint, clock: systemClock }),
        meta,
        config,
        clock: systemClock,
        random: systemRandom,
        log: createLogger('edged', process.env['KETS_LOG'] === undefined ? 'silent' : 'debug'),
        host: systemHost,
        ...(options.service === undefined ? {} : { service: options.service }),
      });
      meta.sink = edged.sink;
      await edged.module.start(new AbortController().signal);
    },
    async stop() {
      await edged?.module.stop();
      edged = undefined;
    },
    echoStatuses() {
      for (const [uid, one] of meta.pods) {
        const status = meta.statusOf(one.metadata.name);
        if (status !== undefined) meta.pods.set(uid, { ...one, status });
      }
    },
    async powerOff() {
      await bed.stop();
      await containerd.powerOff();
      await unmountBelow(dir);
    },
    async deleteAllPods() {
      for (const one of [...meta.pods.values()]) meta.putPod(deleting(one, 1));
      await bed.until('all told', () =>
        [...meta.pods.values()].every(({ metadata }) => meta.deleted.includes(metadata.name)),
      );
    },
    async assertNothingLeft() {
      assert.equal((await containerd.ctr('containers', 'list', '-q')).trim(), '', 'containers');
      assert.deepEqual(await readdir(join(dir, 'kubelet/pods')), [], 'directories of pods');
      assert.deepEqual(await readdir(join(dir, 'pod-logs')), [], 'logs');
      assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(`${dir}/kubelet/pods`), 'mounts');
      for (const hierarchy of await readdir('/sys/fs/cgroup')) {
        for (const qos of ['', 'burstable', 'besteffort']) {
          const path = join('/sys/fs/cgroup', hierarchy, cgroup, 'kubepods', qos);
          const left = (await readdir(path).catch(() => [])).filter((name) => name.startsWith('pod'));
          assert.deepEqual(left, [], `cgroups of pods in ${path}`);
        }
      }
    },
    async close() {
      await bed.stop();
      cri.close();
      await containerd.stop();
      await unmountBelow(dir);
      await rm(dir, { recursive: true, force: true });
    },
    async until(what, look, ms = 20_000) {
      for (const deadline = Date.now() + ms; ; ) {
        const found = await look();
        if (found !== undefined && found !== false) return found;
        if (Date.now() > deadline) {
          const unready = [...meta.statuses].filter(([name]) => !bed.isReady(name));
          const said = JSON.stringify(unready.map(([name, list]) => [name, list.at(-1)]));
          assert.fail(`not within ${ms} ms: ${what}; statuses: ${said}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    phaseOf: (pod) => meta.statusOf(pod)?.phase,
    isReady: (pod) =>
      meta.statusOf(pod)?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
      true,
    containerId: (pod, container) =>
      statusOfContainer(pod, container)?.containerID?.replace('containerd://', '') ?? '',
    async exec(target, ...cmd) {
      const { pod, container } = typeof target === 'string' ? { pod: target, container: undefined } : target;
      const containerId = bed.containerId(pod, container);
      const { stdout, stderr, exitCode } = await cri.execSync({ containerId, cmd, timeout: 10 });
      assert.equal(exitCode, 0, Buffer.from(stderr).toString());
      return Buffer.from(stdout).toString();
    },
    async containerIds() {
      return (await containerd.ctr('containers', 'list', '-q')).trim().split('\n').sort();
    },
    async readCgroup(controller, path) {
      return (await readFile(join('/sys/fs/cgroup', controller, cgroup, path), 'utf8')).trim();
    },
  };
  return bed;
}
