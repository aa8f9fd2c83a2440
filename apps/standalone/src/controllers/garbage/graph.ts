import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createInformer, type Informer } from '@kubeedge-ts/kube';
import type { ControllerPorts } from '../context.ts';
import { type DiscoveredResource, discover, supports } from '../discovery.ts';
import { keyOf, splitKey } from '../object-key.ts';

/** An object of any resource, by its metadata only. */
export interface Tracked {
  readonly resource: Resource<KubeObject>;
  readonly object: KubeObject;
}

export interface GraphHandlers {
  changed(tracked: Tracked): void;
  deleted(tracked: Tracked): void;
}

/** Who owns whom, over every resource the API serves; follows CRDs as they come and go. */
export interface OwnershipGraph {
  find(uid: string): Tracked | undefined;
  dependents(uid: string): readonly Tracked[];
  /** By the key `keyOfTracked` gives. */
  get(key: string): Tracked | undefined;
  /** The served resource of an owner reference. */
  resourceOf(apiVersion: string, kind: string): Resource<KubeObject> | undefined;
  /** Resolves when every cache is filled, or has had 30 s for it. */
  readonly synced: Promise<void>;
  stop(): void;
}

const RESCAN_MS = 30_000;
const SYNC_MS = 30_000;
const AFTER_CRD_MS = 1_000;
const CRDS = 'customresourcedefinitions.apiextensions.k8s.io';
/** Events are too many, and nobody owns them. */
const IGNORED: ReadonlySet<string> = new Set(['events.', 'events.events.k8s.io']);

const idOf = ({ plural, group }: Resource<KubeObject>): string => `${plural}.${group}`;

export function keyOfTracked({ resource, object }: Tracked): string {
  return `${idOf(resource)}|${keyOf(object)}`;
}

export function createOwnershipGraph(ports: ControllerPorts, handlers: GraphHandlers): OwnershipGraph {
  const { client, clock } = ports;
  const log = ports.log.child({ controller: 'garbage' });
  const stopping = new AbortController();
  const tracked = new Map<
    string,
    { resource: DiscoveredResource; informer: Informer<KubeObject>; stop: AbortController }
  >();
  const kinds = new Map<string, DiscoveredResource>();
  const synced = Promise.withResolvers<void>();
  let cancelRescan = (): void => {};
  let scanning = false;

  const follow = (resource: DiscoveredResource): void => {
    const stop = new AbortController();
    const informer = createInformer<KubeObject>(
      client,
      resource as Resource<KubeObject>,
      {
        transform: ({
          apiVersion,
          kind,
          metadata: { managedFields: _m, annotations: _a, labels: _l, ...metadata },
        }) => ({
          apiVersion,
          kind,
          metadata,
        }),
        indexes: {
          uid: ({ metadata }) => [String(metadata.uid)],
          owner: ({ metadata }) => (metadata.ownerReferences ?? []).map((reference) => reference.uid),
        },
      },
      ports,
    );
    const changed = (object: KubeObject): void => {
      handlers.changed({ resource, object });
      if (idOf(resource) === CRDS && informer.hasSynced) scheduleRescan(AFTER_CRD_MS);
    };
    informer.subscribe({
      added: changed,
      updated: changed,
      deleted(object) {
        handlers.deleted({ resource, object });
        if (idOf(resource) === CRDS) scheduleRescan(AFTER_CRD_MS);
      },
    });
    tracked.set(idOf(resource), { resource, informer, stop });
    informer.start(AbortSignal.any([stopping.signal, stop.signal]));
  };

  const scan = async (): Promise<void> => {
    const { resources, failed } = await discover(client, stopping.signal);
    for (const resource of resources) kinds.set(`${resource.group}/${resource.kind}`, resource);
    const wanted = resources.filter(
      (resource) => supports(resource, 'list', 'watch', 'delete') && !IGNORED.has(idOf(resource)),
    );
    const served = new Map(wanted.map((resource) => [idOf(resource), resource]));
    for (const [id, { resource, stop }] of tracked) {
      const next = served.get(id);
      const unknown = next === undefined && failed.has(`${resource.group}/${resource.version}`);
      if (unknown || next?.version === resource.version) continue;
      stop.abort(new Error('resource is no longer served'));
      tracked.delete(id);
    }
    for (const resource of wanted) if (!tracked.has(idOf(resource))) follow(resource);
  };
  const rescan = async (): Promise<void> => {
    if (scanning) return scheduleRescan(AFTER_CRD_MS);
    scanning = true;
    let delayMs = RESCAN_MS;
    try {
      await scan();
      waitForSync();
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: errorText(error) }, 'discovery failed, will retry');
      delayMs = AFTER_CRD_MS;
    } finally {
      scanning = false;
    }
    scheduleRescan(delayMs);
  };
  let nextRescanMs = Number.POSITIVE_INFINITY;
  const scheduleRescan = (ms: number): void => {
    const at = clock.monotonic() + ms;
    if (stopping.signal.aborted || at >= nextRescanMs) return;
    cancelRescan();
    nextRescanMs = at;
    cancelRescan = clock.after(ms, () => {
      nextRescanMs = Number.POSITIVE_INFINITY;
      void rescan();
    });
  };
  const waitForSync = (): void => {
    const all = Promise.all([...tracked.values()].map(({ informer }) => informer.synced));
    const cancel = clock.after(SYNC_MS, synced.resolve);
    stopping.signal.addEventListener('abort', cancel, { once: true });
    void all.then(() => {
      cancel();
      synced.resolve();
    });
  };
  void rescan();

  const everywhere = (index: string, uid: string): Tracked[] =>
    [...tracked.values()].flatMap(({ resource, informer }) =>
      informer.byIndex(index, uid).map((object) => ({ resource, object })),
    );
  return {
    find: (uid) => everywhere('uid', uid)[0],
    dependents: (uid) => everywhere('owner', uid),
    get(key) {
      const bar = key.indexOf('|');
      const entry = tracked.get(key.slice(0, bar));
      const object = entry?.informer.get(splitKey(key.slice(bar + 1)));
      return entry === undefined || object === undefined ? undefined : { resource: entry.resource, object };
    },
    resourceOf(apiVersion, kind) {
      const slash = apiVersion.indexOf('/');
      return kinds.get(`${slash === -1 ? '' : apiVersion.slice(0, slash)}/${kind}`);
    },
    synced: synced.promise,
    stop() {
      stopping.abort(new Error('garbage collector stops'));
      cancelRescan();
      synced.resolve();
    },
  };
}
