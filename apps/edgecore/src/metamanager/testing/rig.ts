import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CAPABILITIES_HEADER,
  CLUSTER_VERSION_HEADER,
  type Message,
  OWN_CAPABILITIES,
} from '@kubeedge-ts/apis';
import { seededRandom, silentLogger, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore, type Row, type Store } from '@kubeedge-ts/store';
import { createManualClock, type ManualClock } from '../../edgehub/testing/manual-clock.ts';
import type { EdgedSink } from '../meta-client.ts';
import { createMetaManager, type MetaManager } from '../meta-manager.ts';
import { createScriptedHub, type ScriptedHub } from './scripted-hub.ts';

/** MetaManager on a real store, with a scripted hub and a recording edged. */
export interface Rig {
  readonly hub: ScriptedHub;
  readonly clock: ManualClock;
  readonly store: Store;
  readonly meta: MetaManager;
  /** What edged was told: `podChanged default/web u-1` and so on. */
  readonly told: string[];
  rows(sql: string): Promise<readonly Row[]>;
  /** Ends MetaManager without telling it, and starts a new one on the same file. */
  restart(): Promise<Rig>;
}

/** What our own cloud says at the handshake. */
export const OUR_CLOUD: Readonly<Record<string, string>> = {
  [CAPABILITIES_HEADER]: OWN_CAPABILITIES,
  [CLUSTER_VERSION_HEADER]: 'v1.31.2',
};

export interface RigOptions {
  readonly proveReceipt?: () => Promise<void>;
  /** Answers, or does not, to a cloud that answers no events; default: what was sent has arrived. */
  readonly deliver?: (messages: readonly Message[]) => Promise<void>;
  /** What the cloud says at the handshake; default: nothing, as upstream's. */
  readonly cloudHeaders?: Readonly<Record<string, string>>;
  /** Wraps the store, to make it fail. */
  readonly wrap?: (store: Store) => Store;
}

export async function withMetaManager(
  work: (rig: Rig) => Promise<void>,
  options: RigOptions = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'metamanager-'));
  const stops: (() => Promise<void>)[] = [];
  const start = async (): Promise<Rig> => {
    const clock = createManualClock();
    const hub = createScriptedHub(clock);
    const store = await openStore({
      path: join(folder, 'edgecore.db'),
      migrations: edgeMigrations,
      random: systemRandom,
      log: silentLogger,
    });
    const meta = createMetaManager({
      store: options.wrap?.(store) ?? store,
      bus: hub.bus,
      clock,
      random: seededRandom(3),
      log: silentLogger,
      deliver:
        options.deliver ??
        (async (messages) => {
          for (const message of messages) await hub.bus.send('websocket', message);
        }),
      cloudHeaders: () => options.cloudHeaders ?? {},
      ...(options.proveReceipt === undefined ? {} : { proveReceipt: options.proveReceipt }),
    });
    const told: string[] = [];
    const sink: EdgedSink = {
      podChanged: ({ metadata: { namespace, name, uid } }) =>
        told.push(`podChanged ${namespace}/${name} ${uid}`),
      podDeleted: ({ namespace, name, uid }) => told.push(`podDeleted ${namespace}/${name} ${uid}`),
      nodeChanged: ({ metadata: { name } }) => told.push(`nodeChanged ${name}`),
      nodeGone: () => told.push('nodeGone'),
      referencedChanged: (type, namespace, name) => told.push(`${type} ${namespace}/${name}`),
      servicesChanged: (namespace) => told.push(`services ${namespace}`),
      releaseHeldUpgrade: ({ namespace, name }) => told.push(`released ${namespace}/${name}`),
      connectionChanged: (connected) => told.push(connected ? 'connected' : 'disconnected'),
    };
    meta.setEdged(sink);
    await meta.module.start(new AbortController().signal);
    let ended = false;
    const stop = async (): Promise<void> => {
      if (ended) return;
      ended = true;
      await meta.module.stop();
      hub.close();
      await store.close();
    };
    stops.push(stop);
    return {
      hub,
      clock,
      store,
      meta,
      told,
      rows: (sql) => store.read({ sql }),
      restart: async () => {
        await stop();
        return start();
      },
    };
  };
  try {
    await work(await start());
  } finally {
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
