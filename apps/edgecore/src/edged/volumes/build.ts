import type { Pod } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { PodAddresses } from '../pod/field-path.ts';
import { everyContainerOf } from '../pod/spec.ts';
import type { ReadReferenced } from '../runtime/referenced.ts';
import {
  checked,
  DEFAULT_MODE,
  type DownwardItem,
  dataPayload,
  downwardPayload,
  type Payload,
  type PayloadFile,
} from './payload.ts';
import type { Volume } from './plugin.ts';
import { volumeProblem } from './problems.ts';
import type { PodTokens } from './tokens.ts';

type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

export interface BuildContext {
  readonly pod: Pod;
  readonly addresses: PodAddresses;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly read: ReadReferenced;
  readonly tokens: PodTokens;
  readonly now: number;
}

export interface Built {
  readonly payload: Payload;
  /** When the content is due again by itself: tokens. */
  readonly refreshAt: number | undefined;
}

/** The files of a volume that is made of API objects. @throws EDGED_VOLUME, EDGED_VOLUME_PATH */
export async function buildPayload(volume: Volume, context: BuildContext): Promise<Built> {
  const { configMap, secret, downwardAPI, projected, name } = volume;
  const { pod, addresses, allocatable } = context;
  const only = (payload: Payload): Built => ({ payload, refreshAt: undefined });
  if (configMap !== undefined) {
    return only(
      await fromObject('configmap', configMap.name, configMap, configMap.defaultMode, name, context),
    );
  }
  if (secret !== undefined) {
    return only(await fromObject('secret', secret.secretName, secret, secret.defaultMode, name, context));
  }
  if (downwardAPI !== undefined) {
    const items = (downwardAPI.items ?? []) as readonly DownwardItem[];
    return only(
      downwardPayload(name, items, downwardAPI.defaultMode ?? DEFAULT_MODE, pod, addresses, allocatable),
    );
  }
  return project(projected?.sources ?? [], projected?.defaultMode, name, context);
}

interface ObjectSource {
  readonly items?: readonly { key: string; path: string; mode?: number }[];
  readonly optional?: boolean;
}

async function fromObject(
  type: 'configmap' | 'secret',
  object: string | undefined,
  source: ObjectSource,
  mode: number | undefined,
  volume: string,
  { read }: BuildContext,
): Promise<Payload> {
  const what = `${type} "${object ?? ''}"`;
  const data =
    object === undefined
      ? undefined
      : await read(type, object).catch((error: unknown) => {
          // What the store does not have while the cloud is away was not there when it last was.
          if (source.optional === true && isKubeEdgeError(error, 'EDGE_DISCONNECTED')) return undefined;
          throw volumeProblem(volume, `${what}: ${errorText(error)}`, { cause: error });
        });
  return dataPayload(volume, what, data, {
    ...(source.items === undefined ? {} : { items: source.items }),
    ...(source.optional === undefined ? {} : { optional: source.optional }),
    mode: mode ?? DEFAULT_MODE,
  });
}

/** Later sources override the paths of earlier ones. */
async function project(
  sources: readonly ProjectedSource[],
  defaultMode: number | undefined,
  volume: string,
  context: BuildContext,
): Promise<Built> {
  const mode = defaultMode ?? DEFAULT_MODE;
  const files = new Map<string, PayloadFile>();
  let refreshAt: number | undefined;
  const { pod, addresses, allocatable } = context;
  for (const source of sources) {
    const { configMap, secret, downwardAPI, serviceAccountToken } = source;
    let part: Payload = new Map();
    if (configMap !== undefined)
      part = await fromObject('configmap', configMap.name, configMap, mode, volume, context);
    else if (secret !== undefined)
      part = await fromObject('secret', secret.name, secret, mode, volume, context);
    else if (downwardAPI !== undefined) {
      const items = (downwardAPI.items ?? []) as readonly DownwardItem[];
      part = downwardPayload(volume, items, mode, pod, addresses, allocatable);
    } else if (serviceAccountToken !== undefined) {
      const token = await context.tokens.get(pod, serviceAccountToken);
      refreshAt = Math.min(refreshAt ?? token.refreshAt, token.refreshAt);
      const path = checked(volume, serviceAccountToken.path);
      part = new Map([[path, { content: Buffer.from(token.token), ...tokenAccess(pod, mode) }]]);
    } else {
      const kind = Object.keys(source)[0] ?? 'none';
      throw volumeProblem(volume, `${kind} projection is not supported`);
    }
    for (const [path, file] of part) files.set(path, file);
  }
  return { payload: files, refreshAt };
}

/** A token is for its pod's user alone when there is exactly one; for the group, which is added later, when there is one. */
function tokenAccess(pod: Pod, mode: number): { mode: number; uid?: number } {
  const security = pod.spec?.securityContext;
  const users = new Set(
    everyContainerOf(pod).map((container) => container.securityContext?.runAsUser ?? security?.runAsUser),
  );
  const [user] = users;
  if (users.size === 1 && user !== undefined) return { mode: 0o600, uid: user };
  return { mode: security?.fsGroup === undefined ? mode : 0o600 };
}
