import { isRecord, parseJson } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger } from '@kubeedge-ts/runtime';

/** The API server's version, which our edges are told: a kubelet must not be newer (Kubernetes' version skew policy). */
export interface ClusterVersion {
  /** E.g. `v1.31.2`; undefined: the server does not tell. */
  readonly value: string | undefined;
  /** Asks for it. @throws KubeEdgeError KUBE_UNREACHABLE, KUBE_TIMEOUT */
  read(): Promise<void>;
  /** Asks again from time to time: a cluster is upgraded while cloudcore runs. */
  readonly module: Module;
}

const REFRESH_MS = 600_000;

export function createClusterVersion({
  kube,
  clock,
  log,
}: {
  readonly kube: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  readonly log: Logger;
}): ClusterVersion {
  const stopping = new AbortController();
  let value: string | undefined;
  let cancel = (): void => {};

  const read = async (): Promise<void> => {
    const { status, body } = await kube.request({
      method: 'GET',
      path: '/version',
      signal: stopping.signal,
    });
    const version = status === 200 ? gitVersionIn(body.toString('utf8')) : undefined;
    if (version === undefined) log.warn({ status }, 'the API server does not tell its version');
    else if (version !== value) log.info({ version }, 'version of the cluster');
    value = version ?? value;
  };

  const repeat = (): void => {
    cancel = clock.after(REFRESH_MS, () => {
      void read()
        .catch((error) => log.info({ err: errorText(error) }, 'version of the cluster not read, later again'))
        .finally(() => {
          if (!stopping.signal.aborted) repeat();
        });
    });
  };

  return {
    get value() {
      return value;
    },
    read,
    module: {
      name: 'clusterversion',
      start: async () => repeat(),
      async stop() {
        stopping.abort(new Error('cloudcore is stopping'));
        cancel();
      },
    },
  };
}

function gitVersionIn(text: string): string | undefined {
  try {
    const body = parseJson(text, { maxLength: 65_536, maxDepth: 8 });
    const version = isRecord(body) ? body['gitVersion'] : undefined;
    // It becomes a header.
    return typeof version === 'string' && /^v[\w.+-]{1,63}$/.test(version) ? version : undefined;
  } catch {
    // A proxy's page; the status beside it is logged by the caller.
    return undefined;
  }
}
