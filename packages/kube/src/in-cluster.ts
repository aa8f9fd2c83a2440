import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, kubeErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { tokenFileAuthenticator } from './authenticators.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { type KubeconfigSource, loadKubeconfig } from './kubeconfig.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder with `token`, `ca.crt` and `namespace`; default the one Kubernetes mounts. */
  readonly folder?: string;
}

/** The configuration a pod finds inside its cluster; the token is read again as it rotates. @throws KUBE_CONFIG_MISSING */
export async function loadInClusterConfig(
  { env, folder = SERVICE_ACCOUNT }: InClusterSource,
  { clock }: { readonly clock: Clock },
): Promise<ClusterConfig> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) {
    throw kubeErrors.create('KUBE_CONFIG_MISSING', {
      paths: 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT',
    });
  }
  const file = async (name: string): Promise<string> => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (cause) {
      throw kubeErrors.create('KUBE_CONFIG_MISSING', { paths: errorText(cause) }, cause);
    }
  };
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    ca: await file('ca.crt'),
    namespace: (await file('namespace')).trim() || 'default',
    authenticator: tokenFileAuthenticator(join(folder, 'token'), 'service account', clock),
  };
}

/**
 * A kubeconfig when one is named (by path or KUBECONFIG), else the in-cluster configuration when there is one, else
 * `~/.kube/config`.
 */
export function loadClusterConfig(
  source: KubeconfigSource,
  ports: { readonly clock: Clock },
): Promise<ClusterConfig> {
  const named = Boolean(source.path) || Boolean(source.env['KUBECONFIG']);
  const inside = Boolean(source.env['KUBERNETES_SERVICE_HOST']);
  return !named && inside ? loadInClusterConfig(source, ports) : loadKubeconfig(source, ports);
}
