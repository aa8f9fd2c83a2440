import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';
import { killShims, removeCgroup, removeNetwork, unmountBelow } from './cleanup.ts';
import { cniConfig, containerdConfig, type Layout, layoutOf, type Network } from './config.ts';
import { busyboxImage, type ImageSource, ociArchive, pauseImage } from './oci-image.ts';

const run = promisify(execFile);

export const PAUSE_IMAGE = 'kubeedge-ts.local/pause:1';
export const BUSYBOX_IMAGES = ['kubeedge-ts.local/busybox:1', 'docker.io/library/busybox:1'] as const;

export interface ContainerdOptions {
  /** Default: a fresh directory in the system's temporary one, removed by `stop`. */
  readonly dir?: string;
  /** Default: overlayfs; `native` where overlay cannot be mounted. */
  readonly snapshotter?: string;
  /** Cgroup parents, such as `/kubepods-x`, removed by `stop` and `powerOff`. */
  readonly cgroups?: readonly string[];
  /** Default true: imports the pause and busybox images. */
  readonly images?: boolean;
}

/** A containerd of our own: own root, state, socket, CNI network. Needs root, containerd, runc and CNI plugins. */
export interface Containerd {
  /** `unix://…` */
  readonly endpoint: string;
  readonly socket: string;
  readonly dir: string;
  readonly logFile: string;
  readonly network: Network;
  readonly pid: number | undefined;
  importImages(images: readonly ImageSource[]): Promise<void>;
  /** Runs `ctr` in the namespace of Kubernetes. */
  ctr(...argv: string[]): Promise<string>;
  /** Starts the daemon again after `stopDaemon` or `powerOff`. */
  startDaemon(): Promise<void>;
  /** Ends the daemon only; containers go on. */
  stopDaemon(signal?: NodeJS.Signals): Promise<void>;
  /** What a power cut takes: daemon, containers, network namespaces, mounts, cgroups, the state directory. */
  powerOff(): Promise<void>;
  /** Ends everything and removes every trace. Safe to call twice. */
  stop(): Promise<void>;
}

export async function startContainerd(options: ContainerdOptions = {}): Promise<Containerd> {
  const layout = layoutOf(options.dir ?? (await mkdtemp(join(tmpdir(), 'kets-ctd-'))));
  const network = await pickNetwork();
  await mkdir(layout.cniConf, { recursive: true });
  await writeFile(
    layout.configFile,
    containerdConfig(layout, PAUSE_IMAGE, options.snapshotter ?? (await pickSnapshotter(layout))),
  );
  await writeFile(join(layout.cniConf, '10-bridge.conflist'), cniConfig(layout, network));

  let daemon: ChildProcess | undefined;
  let stopped = false;

  const startDaemon = async (): Promise<void> => {
    const log = openSync(layout.logFile, 'a');
    const child = spawn('containerd', ['--config', layout.configFile], { stdio: ['ignore', log, log] });
    closeSync(log);
    daemon = child;
    await waitUntilServing(layout, child);
  };

  const stopDaemon = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const child = daemon;
    daemon = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(forced);
  };

  const powerOff = async (): Promise<void> => {
    await stopDaemon('SIGKILL');
    await killShims(layout);
    await unmountBelow(layout.dir);
    await removeNetwork(network);
    for (const cgroup of options.cgroups ?? []) await removeCgroup(cgroup);
    await rm(layout.state, { recursive: true, force: true });
    await rm(layout.cniState, { recursive: true, force: true });
  };

  const ctr = async (...argv: string[]): Promise<string> =>
    (await run('ctr', ['-a', layout.socket, '-n', 'k8s.io', ...argv])).stdout;

  const importImages = async (images: readonly ImageSource[]): Promise<void> => {
    const file = join(layout.dir, `images-${randomBytes(4).toString('hex')}.tar`);
    await writeFile(file, await ociArchive(images));
    try {
      await ctr('images', 'import', ...(await snapshotterFlag(layout)), file);
      await waitForImages(
        layout,
        images.flatMap(({ names }) => names),
      );
    } finally {
      await rm(file, { force: true });
    }
  };

  const containerd: Containerd = {
    endpoint: `unix://${layout.socket}`,
    socket: layout.socket,
    dir: layout.dir,
    logFile: layout.logFile,
    network,
    get pid() {
      return daemon?.pid;
    },
    importImages,
    ctr,
    startDaemon,
    stopDaemon,
    powerOff,
    async stop() {
      if (stopped) return;
      stopped = true;
      if (daemon !== undefined) await removePods(`unix://${layout.socket}`);
      await powerOff();
      await rm(layout.dir, { recursive: true, force: true });
    },
  };

  try {
    await startDaemon();
    if (options.images !== false) {
      await importImages([await pauseImage([PAUSE_IMAGE]), await busyboxImage(BUSYBOX_IMAGES)]);
    }
  } catch (error) {
    const log = await readFile(layout.logFile, 'utf8').catch(() => '');
    await containerd.stop();
    throw new Error(`containerd did not start: ${log.slice(-2000)}`, { cause: error });
  }
  return containerd;
}

/** Orderly removal through CRI, so that CNI plugins take back what they set up. */
async function removePods(endpoint: string): Promise<void> {
  const cri = createCriClient({ endpoint, clock: systemClock, requestTimeoutMs: 10_000 });
  try {
    const { items } = await cri.listPodSandbox({});
    await Promise.all(
      items.map(async ({ id }) => {
        await cri.stopPodSandbox({ podSandboxId: id });
        await cri.removePodSandbox({ podSandboxId: id });
      }),
    );
  } catch {
    // Whatever is left is taken by powerOff.
  } finally {
    cri.close();
  }
}

async function waitUntilServing(layout: Layout, child: ChildProcess): Promise<void> {
  const cri = createCriClient({
    endpoint: `unix://${layout.socket}`,
    clock: systemClock,
    requestTimeoutMs: 2_000,
  });
  try {
    for (const deadline = Date.now() + 30_000; ; ) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('containerd exited');
      try {
        const { status } = await cri.status({});
        if (status?.conditions.every((condition) => condition.status)) return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      if (Date.now() > deadline) throw new Error('containerd is not ready');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    cri.close();
  }
}

/** The CRI plugin learns of imported images by an event; they are there a moment later. */
async function waitForImages(layout: Layout, names: readonly string[]): Promise<void> {
  const cri = createCriClient({ endpoint: `unix://${layout.socket}`, clock: systemClock });
  try {
    for (const name of names) {
      for (const deadline = Date.now() + 10_000; ; ) {
        const { image } = await cri.imageStatus({ image: { image: name } });
        if (image !== undefined) break;
        if (Date.now() > deadline) throw new Error(`image ${name} was imported and is not there`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  } finally {
    cri.close();
  }
}

async function snapshotterFlag(layout: Layout): Promise<string[]> {
  const config = await readFile(layout.configFile, 'utf8');
  return ['--snapshotter', /snapshotter = "(\w+)"/.exec(config)?.[1] ?? 'overlayfs'];
}

/** Overlay needs an upper directory on a file system that supports it (not another overlay, as in containers). */
async function pickSnapshotter(layout: Layout): Promise<string> {
  const probe = join(layout.dir, 'probe');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(probe, name));
  for (const dir of [lower, upper, work, merged]) await mkdir(dir as string, { recursive: true });
  try {
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await run('mount', ['-t', 'overlay', 'overlay', '-o', options, merged as string]);
    await run('umount', [merged as string]);
    return 'overlayfs';
  } catch {
    return 'native';
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** A /24 of 10.128.0.0/9 that no interface of this machine has, and names that no other run has. */
async function pickNetwork(): Promise<Network> {
  const taken = new Set(
    Object.values(networkInterfaces())
      .flat()
      .map((address) => address?.address.split('.').slice(0, 3).join('.')),
  );
  for (;;) {
    const [a = 0, b = 0] = randomBytes(2);
    const prefix = `10.${128 + (a % 128)}.${b}`;
    if (taken.has(prefix)) continue;
    const id = randomBytes(4).toString('hex');
    return { name: `kets-${id}`, bridge: `kets${id}`, subnet: `${prefix}.0/24` };
  }
}
