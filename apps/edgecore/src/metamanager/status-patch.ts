import { isRecord } from '@kubeedge-ts/apis';
import { canonicalJson, semanticallyEqual } from './canonical-json.ts';

type Json = Record<string, unknown>;
export type StatusKind = 'pod' | 'node';

/** How the lists and fields of a status are merged by the API server (`patchMergeKey` of core/v1), and what is ours. */
interface StatusRules {
  readonly mergeKeys: Readonly<Record<string, string>>;
  /** Fields that a node agent takes away again; any other field the wanted status lacks is someone else's and stays. */
  readonly removable: readonly string[];
  /** Conditions a node agent owns; those of others stay. */
  readonly conditions: readonly string[];
}

const RULES: Readonly<Record<StatusKind, StatusRules>> = {
  pod: {
    mergeKeys: { conditions: 'type', podIPs: 'ip', hostIPs: 'ip', resourceClaimStatuses: 'name' },
    removable: [
      'message',
      'reason',
      'podIP',
      'podIPs',
      'hostIP',
      'hostIPs',
      'containerStatuses',
      'initContainerStatuses',
      'ephemeralContainerStatuses',
    ],
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'],
  },
  node: {
    mergeKeys: { conditions: 'type' },
    removable: ['volumesInUse', 'images'],
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'],
  },
};

export interface StatusPatchInput {
  readonly kind: StatusKind;
  /** Precondition; pods only, as upstream sends it. */
  readonly uid?: string;
  /** The status the cloud is known to have. */
  readonly base: unknown;
  readonly wanted: unknown;
  /** Says everything again: for when `base` may be outdated. */
  readonly full?: boolean;
}

/**
 * The strategic-merge patch that turns `base` into `wanted`, as the text an upstream edge sends in `podpatch` and
 * `nodepatch` messages (spec/message-protocol.md §3.2). Undefined when there is nothing to say.
 */
export function statusPatch({ kind, uid, base, wanted, full = false }: StatusPatchInput): string | undefined {
  const rules = RULES[kind];
  const from = isRecord(base) ? base : {};
  const to = keepForeign(from, isRecord(wanted) ? wanted : {}, rules);
  const status = diffFields(from, to, rules.mergeKeys, full);
  if (kind === 'node') replaceAddresses(from, to, status);
  if (Object.keys(status).length === 0) return undefined;
  return canonicalJson(uid === undefined ? { status } : { metadata: { uid }, status });
}

function keepForeign(base: Json, wanted: Json, rules: StatusRules): Json {
  const result: Json = { ...wanted };
  for (const [key, value] of Object.entries(base)) {
    if (isAbsent(result[key]) && !rules.removable.includes(key)) result[key] = value;
  }
  // The cloud puts its tunnel's port there (spec/certificates-and-ports.md §1.2); writing ours back would never end.
  if (hasPort(base['daemonEndpoints'])) result['daemonEndpoints'] = base['daemonEndpoints'];
  const own = itemsOf(wanted['conditions']);
  const foreign = itemsOf(base['conditions']).filter(
    (condition) =>
      !rules.conditions.includes(String(condition['type'])) &&
      !own.some((mine) => mine['type'] === condition['type']),
  );
  if (own.length > 0 && foreign.length > 0) result['conditions'] = [...own, ...foreign];
  return result;
}

function hasPort(endpoints: unknown): boolean {
  const endpoint = isRecord(endpoints) ? endpoints['kubeletEndpoint'] : undefined;
  return isRecord(endpoint) && typeof endpoint['Port'] === 'number' && endpoint['Port'] > 0;
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const itemsOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);

function diffFields(
  base: Json,
  wanted: Json,
  mergeKeys: Readonly<Record<string, string>>,
  full: boolean,
): Json {
  const patch: Json = {};
  for (const key of new Set([...Object.keys(base), ...Object.keys(wanted)])) {
    const from = base[key];
    const to = wanted[key];
    if (isAbsent(to)) {
      if (!isAbsent(from)) patch[key] = null;
      continue;
    }
    if (!full && semanticallyEqual(from, to)) continue;
    const mergeKey = mergeKeys[key];
    if (mergeKey !== undefined && Array.isArray(from) && Array.isArray(to)) {
      const items = diffList(itemsOf(from), itemsOf(to), mergeKey, full);
      if (items.length === 0) continue;
      patch[`$setElementOrder/${key}`] = itemsOf(to).map((item) => ({ [mergeKey]: item[mergeKey] }));
      patch[key] = items;
    } else if (isRecord(from) && isRecord(to)) {
      const nested = diffFields(from, to, {}, full);
      if (Object.keys(nested).length > 0) patch[key] = nested;
    } else {
      patch[key] = to;
    }
  }
  return patch;
}

function diffList(base: readonly Json[], wanted: readonly Json[], mergeKey: string, full: boolean): Json[] {
  const before = new Map(base.map((item) => [item[mergeKey], item]));
  const after = new Set(wanted.map((item) => item[mergeKey]));
  const items: Json[] = [];
  for (const item of wanted) {
    const old = before.get(item[mergeKey]);
    const changes = old === undefined ? item : diffFields(old, item, {}, full);
    if (Object.keys(changes).length > 0) items.push({ ...changes, [mergeKey]: item[mergeKey] });
  }
  for (const key of before.keys()) if (!after.has(key)) items.push({ $patch: 'delete', [mergeKey]: key });
  return items;
}

/**
 * Addresses have `type` as merge key, of which several may be equal: merging loses addresses, so a changed list is
 * replaced as a whole, as a kubelet does.
 */
function replaceAddresses(base: Json, wanted: Json, patch: Json): void {
  const from = base['addresses'];
  const to = wanted['addresses'];
  if (!Array.isArray(from) || from.length === 0 || !Array.isArray(to)) return;
  if (patch['addresses'] !== undefined) patch['addresses'] = [...to, { $patch: 'replace' }];
}
