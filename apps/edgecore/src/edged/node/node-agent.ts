import { mkdir } from 'node:fs/promises';
import type { Node, NodeStatus } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { EdgedConfig } from '../config.ts';
import type { Host } from '../host.ts';
import { sameStatus } from '../pod/same-status.ts';
import type { RuntimeInfo } from '../runtime/runtime-info.ts';
import { type Conditions, type Machine, readConditions, readMachine } from './machine.ts';
import { nodeObject, nodeStatus } from './node-object.ts';

export interface NodeAgentOptions {
  readonly config: EdgedConfig;
  readonly host: Host;
  readonly meta: Pick<MetaClient, 'createNode' | 'getNode' | 'reportNodeStatus' | 'connected'>;
  readonly runtime: () => RuntimeInfo;
  /** Why the node is not ready. */
  readonly health: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Registers the node and reports its status (spec/edged.md §2). */
export interface NodeAgent {
  /** Reads the machine; must resolve before anything else is asked. */
  open(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
  /** Computes and reports soon: the connection or the runtime changed. */
  poke(): void;
  readonly machine: Machine;
  readonly hostIPs: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** Uid of the registered node; undefined until it is known. */
  readonly uid: string | undefined;
}

/** While the node is not ready yet, look more often (upstream: up to 2 min after the start). */
const FAST_MS = 500;
const FAST_FOR_MS = 120_000;

export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { config, host, meta, runtime, health, clock, random, log } = options;
  let machine: Machine | undefined;
  let conditions: Conditions | undefined;
  let registered = !config.registerNode;
  let uid: string | undefined;
  let reported: { status: NodeStatus; at: number } | undefined;
  let sayAgain = false;
  let awake = Promise.withResolvers<void>();

  const inputs = () => ({
    config,
    host,
    machine: machine as Machine,
    now: conditions as Conditions,
    runtime: runtime(),
    health: health(),
  });

  const look = async (): Promise<void> => {
    try {
      conditions = await readConditions(host, config);
    } catch {
      // Most likely the root directory is not there yet.
      await mkdir(config.rootDir, { recursive: true, mode: 0o750 });
      conditions = await readConditions(host, config);
    }
  };

  const register = async (): Promise<void> => {
    try {
      const node = await meta.createNode(nodeObject(inputs(), clock.now()));
      uid = node.metadata.uid ?? uid;
      log.info({ node: config.nodeName }, 'node registered');
    } catch (error) {
      if (!isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') || error.details['reason'] !== 'AlreadyExists')
        throw error;
      log.info({ node: config.nodeName }, 'node is registered already, reporting its status');
    }
    registered = true;
    // Whatever the API shows is from another time; the whole status is said again.
    sayAgain = true;
  };

  const stored = async (): Promise<Node | undefined> => {
    const node = await meta.getNode(config.nodeName);
    uid = node?.metadata.uid ?? uid;
    return node;
  };

  const report = async (): Promise<void> => {
    const now = clock.now();
    const previous = reported?.status ?? (await stored())?.status;
    const status = nodeStatus(inputs(), previous, now);
    const due = reported === undefined || sayAgain || now - reported.at >= config.statusReportMs;
    if (!due && sameStatus(withoutHeartbeats(status), withoutHeartbeats(reported?.status))) return;
    await meta.reportNodeStatus(config.nodeName, status);
    reported = { status, at: now };
    sayAgain = false;
  };

  const isReady = (): boolean =>
    reported?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

  const once = async (): Promise<void> => {
    await look();
    if (!registered && meta.connected) await register();
    if (uid === undefined) await stored();
    // A node that has never been registered has nothing a status could belong to.
    if (registered || uid !== undefined) await report();
  };

  return {
    get machine() {
      return machine as Machine;
    },
    get hostIPs() {
      return conditions?.addresses ?? [];
    },
    get allocatable() {
      return machine === undefined || conditions === undefined
        ? {}
        : (nodeStatus(inputs(), undefined, 0).allocatable as Record<string, string>);
    },
    get uid() {
      return uid;
    },
    async open() {
      machine = await readMachine(host);
      try {
        await look();
      } catch (error) {
        // A disk that is away or full: the node runs what it can, says so, and looks again.
        log.error({ rootDir: config.rootDir, err: errorText(error) }, 'root directory cannot be used');
      }
    },
    poke() {
      sayAgain ||= meta.connected;
      awake.resolve();
    },
    async run(signal) {
      const started = clock.monotonic();
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

function withoutHeartbeats(status: NodeStatus | undefined): unknown {
  if (status === undefined) return undefined;
  const conditions = status.conditions?.map(({ lastHeartbeatTime: _, ...rest }) => rest);
  return { ...status, conditions };
}
