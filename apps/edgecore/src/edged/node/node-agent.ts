import { mkdir } from 'node:fs/promises';
import type { Node, NodeStatus } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { Pressure } from '../admission/index.ts';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import { sameStatus } from '../pod/same-status.ts';
import type { RuntimeInfo } from '../runtime/runtime-info.ts';
import { parseNodeIP } from './addresses.ts';
import { allocatableOf, capacityOf, type DeviceResources } from './capacity.ts';
import { type Conditions, type Machine, readConditions, readMachine } from './machine.ts';
import { eventsOfStatus } from './node-events.ts';
import { type NodeImage, type NodeInputs, nodeObject, nodeStatus } from './node-object.ts';
import { createRegistration } from './registration.ts';

export interface NodeAgentOptions {
  readonly config: EdgedConfig;
  readonly host: Host;
  readonly meta: Pick<
    MetaClient,
    'createNode' | 'getNode' | 'patchNode' | 'reportNodeStatus' | 'connected' | 'clusterVersion'
  >;
  readonly runtime: () => RuntimeInfo;
  /** Why the node is not ready. */
  readonly health: () => readonly string[];
  readonly pressures: () => readonly Pressure[];
  readonly shuttingDown: () => boolean;
  readonly devices: () => DeviceResources;
  /** Largest first, as many as the status may show. */
  readonly images: () => readonly NodeImage[];
  /** Names of attached volumes that pods use; undefined while that is not known yet. */
  readonly volumesInUse: () => readonly string[] | undefined;
  /** The node has been created, and with it its uid is known. */
  readonly onRegistered: () => void;
  /** A status is on its way to the cloud and cannot be lost any more. */
  readonly onReported?: (status: NodeStatus) => void;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Registers the node and reports its status (spec/edged.md §2). */
export interface NodeAgent {
  /** Reads the machine and what the store knows of the node; must resolve before anything else is asked. */
  open(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
  /** Computes and reports soon: the connection, the runtime or something else of the status changed. */
  poke(): void;
  /** The cloud has told what the node's object is now. */
  changed(node: Node): void;
  /** The node's object is gone from the cluster: it is registered again. */
  gone(): void;
  readonly machine: Machine;
  readonly hostIPs: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** Uid of the registered node; undefined until it is known. */
  readonly uid: string | undefined;
}

/** While the node is not ready yet, look more often (upstream: up to 2 min after the start). */
const FAST_MS = 500;
const FAST_FOR_MS = 120_000;
/** The runtime is asked first: a node that comes back from a restart is not to be seen unready for a moment. */
const RUNTIME_FIRST_MS = 2_000;

export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { config, host, meta, runtime, events, clock, random, log } = options;
  let machine: Machine | undefined;
  let conditions: Conditions | undefined;
  /** The node's object as the cloud told it last. */
  let known: Node | undefined;
  let reported: { status: NodeStatus; at: number } | undefined;
  let unschedulable: boolean | undefined;
  let sayAgain = false;
  let awake = Promise.withResolvers<void>();
  const started = clock.monotonic();

  const inputs = (): NodeInputs => ({
    config,
    host,
    machine: machine as Machine,
    now: conditions as Conditions,
    runtime: runtime(),
    devices: options.devices(),
    health: [...options.health(), ...(options.shuttingDown() ? ['node is shutting down'] : [])],
    pressures: options.pressures(),
    images: options.images(),
    volumesInUse: options.volumesInUse(),
    clusterVersion: meta.clusterVersion,
  });

  const registration = createRegistration({
    config,
    architecture: host.architecture,
    meta,
    wanted: () => nodeObject(inputs(), clock.now()),
    log,
  });

  const look = async (): Promise<void> => {
    conditions = await readConditions(host, config);
    if (conditions.rootFs !== undefined) return;
    // Most likely the root directory is not there yet.
    await mkdir(config.rootDir, { recursive: true, mode: 0o750 }).catch((error) => {
      // A disk that is away or full: the node says so, runs what it can, and looks again.
      log.error({ rootDir: config.rootDir, err: errorText(error) }, 'root directory cannot be used');
    });
    conditions = await readConditions(host, config);
  };

  const learn = (node: Node): void => {
    known = node;
    const closed = node.spec?.unschedulable === true;
    if (unschedulable !== undefined && closed !== unschedulable) {
      const what = closed ? 'NodeNotSchedulable' : 'NodeSchedulable';
      events.node('Normal', what, `Node ${config.nodeName} status is now: ${what}`);
    }
    unschedulable = closed;
  };

  const recall = async (): Promise<void> => {
    const node = await meta.getNode(config.nodeName);
    if (node !== undefined) learn(node);
  };

  const register = async (): Promise<void> => {
    const node = await registration.register();
    if (node === undefined) await recall();
    else {
      learn(node);
      options.onRegistered();
    }
    // Whatever the API shows is from another time; the whole status is said again.
    sayAgain = true;
  };

  const report = async (): Promise<void> => {
    const now = clock.now();
    const previous = reported?.status ?? known?.status;
    const status = nodeStatus(inputs(), withForeign(previous, known?.status), now);
    const due = reported === undefined || sayAgain || now - reported.at >= config.statusReportMs;
    if (!due && sameStatus(withoutHeartbeats(status), withoutHeartbeats(reported?.status))) return;
    await meta.reportNodeStatus(config.nodeName, status);
    for (const { type, reason, message } of eventsOfStatus(config.nodeName, previous, status))
      events.node(type, reason, message);
    reported = { status, at: now };
    options.onReported?.(status);
    sayAgain = false;
  };

  const isReady = (): boolean => readiness(reported?.status) === 'True';

  const once = async (): Promise<void> => {
    await look();
    if (meta.connected) {
      if (registration.due) await register();
      await registration.reconcile(known);
    }
    if (known === undefined) await recall();
    const early = runtime().answeredAt === undefined && clock.monotonic() - started < RUNTIME_FIRST_MS;
    if (reported === undefined && early) return;
    // A node that has never been registered has nothing a status could belong to.
    if (!registration.due || known !== undefined) await report();
  };

  return {
    get machine() {
      return machine as Machine;
    },
    get hostIPs() {
      return conditions?.addresses ?? [];
    },
    get allocatable() {
      if (machine === undefined || conditions === undefined) return {};
      const facts = { config, host, machine, now: conditions, devices: options.devices() };
      return allocatableOf(facts, capacityOf(facts, known?.status));
    },
    get uid() {
      return known?.metadata.uid;
    },
    async open() {
      machine = await readMachine(host);
      if (config.nodeIP !== '' && parseNodeIP(config.nodeIP).length === 0)
        log.error({ nodeIP: config.nodeIP }, 'nodeIP is no address, the machine is asked instead');
      await look();
      await recall().catch((error) => {
        log.warn({ err: errorText(error) }, 'what the store knows of the node could not be read');
      });
    },
    poke() {
      sayAgain ||= meta.connected;
      awake.resolve();
    },
    changed(node) {
      learn(node);
      const shown = readiness(node.status);
      // Taken for lost while it was not: contradicted at once, not with the next report that is due.
      const wrong = reported !== undefined && shown !== undefined && shown !== readiness(reported.status);
      sayAgain ||= wrong;
      if (wrong || registration.questions(node)) awake.resolve();
    },
    gone() {
      log.warn({ node: config.nodeName }, 'node is gone from the cluster, registering it again');
      known = undefined;
      reported = undefined;
      registration.again();
      awake.resolve();
    },
    async run(signal) {
      const backoff = createBackoff({ initialMs: 100, maxMs: 7_000 }, random);
      while (!signal.aborted) {
        let waitMs: number;
        try {
          await once();
          backoff.reset();
          const fast = !isReady() && clock.monotonic() - started < FAST_FOR_MS;
          waitMs = fast ? FAST_MS : config.statusIntervalMs;
        } catch (error) {
          if (signal.aborted) return;
          waitMs = backoff.next();
          if (meta.connected)
            log.warn({ err: errorText(error) }, 'node status could not be reported, trying again');
        }
        const alarm = new AbortController();
        await Promise.race([
          sleep(clock, waitMs, AbortSignal.any([signal, alarm.signal])).catch(() => undefined),
          awake.promise,
        ]);
        alarm.abort();
        awake = Promise.withResolvers<void>();
      }
    },
  };
}

function readiness(status: NodeStatus | undefined): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}

/** Conditions go on from what was reported here; what others have put on the node is what the cloud told last. */
function withForeign(
  reported: NodeStatus | undefined,
  known: NodeStatus | undefined,
): NodeStatus | undefined {
  if (known === undefined) return reported;
  const { capacity, volumesInUse } = known;
  return {
    ...reported,
    ...(capacity === undefined ? {} : { capacity }),
    ...(volumesInUse === undefined ? {} : { volumesInUse }),
  };
}

function withoutHeartbeats(status: NodeStatus | undefined): unknown {
  if (status === undefined) return undefined;
  const conditions = status.conditions?.map(({ lastHeartbeatTime: _, ...rest }) => rest);
  return { ...status, conditions };
}
