import { isRecord } from '@kubeedge-ts/apis';

/** What something uses. */
export interface Usage {
  readonly nanoCores: number;
  readonly workingSetBytes: number;
  /** When that was so; RFC 3339. */
  readonly time: string;
}

export interface ContainerUsage {
  readonly name: string;
  readonly usage: Usage;
}

/** The figures of one node that `kubectl top` shows. */
export interface NodeFigures {
  /** Undefined while the node cannot tell its own use. */
  readonly node: Usage | undefined;
  /** By `namespace/name`; a pod of which a container's use is unknown is left out. */
  readonly pods: ReadonlyMap<string, readonly ContainerUsage[]>;
}

/** Reads the answer to `/stats/summary`; undefined when it is none. */
export function readSummary(body: unknown): NodeFigures | undefined {
  if (!isRecord(body) || !isRecord(body['node'])) return undefined;
  const pods = new Map<string, readonly ContainerUsage[]>();
  for (const pod of records(body['pods'])) {
    const ref = isRecord(pod['podRef']) ? pod['podRef'] : {};
    const { namespace, name } = ref;
    if (typeof namespace !== 'string' || typeof name !== 'string') continue;
    const containers = containersOf(pod);
    if (containers !== undefined) pods.set(`${namespace}/${name}`, containers);
  }
  return { node: usageOf(body['node']), pods };
}

function containersOf(pod: Record<string, unknown>): ContainerUsage[] | undefined {
  const known: ContainerUsage[] = [];
  for (const container of records(pod['containers'])) {
    const usage = usageOf(container);
    const { name } = container;
    if (usage === undefined || typeof name !== 'string') return undefined;
    known.push({ name, usage });
  }
  return known.length === 0 ? undefined : known;
}

function usageOf(stats: Record<string, unknown>): Usage | undefined {
  const cpu = isRecord(stats['cpu']) ? stats['cpu'] : {};
  const memory = isRecord(stats['memory']) ? stats['memory'] : {};
  const nanoCores = cpu['usageNanoCores'];
  const workingSetBytes = memory['workingSetBytes'];
  const time = memory['time'] ?? cpu['time'];
  if (!isAmount(nanoCores) || !isAmount(workingSetBytes)) return undefined;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return undefined;
  return { nanoCores, workingSetBytes, time };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
