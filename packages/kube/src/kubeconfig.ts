import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { errorText, kubeErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { certificateFileAuthenticator, tokenFileAuthenticator } from './authenticators.ts';
import { type Authenticator, type ClusterConfig, fixedCredentials } from './cluster-config.ts';
import { execAuthenticator } from './exec-plugin.ts';
import {
  type ClusterEntry,
  type DataOrFile,
  type Kubeconfig,
  mergeKubeconfigs,
  parseKubeconfig,
  type UserEntry,
} from './kubeconfig-file.ts';

export interface KubeconfigSource {
  /** Only this file. Without it: the list in `KUBECONFIG`, else `~/.kube/config`. */
  readonly path?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: the file's `current-context`. */
  readonly contextName?: string;
}

type Ports = { readonly clock: Clock };

/**
 * The cluster and user of a kubeconfig's context. Token files, certificate files and credential plugins stay live:
 * they are read again as they change. A proxy-url is ignored.
 *
 * @throws KUBE_CONFIG_MISSING, KUBE_CONFIG_INVALID, KUBE_CONFIG_INSECURE
 */
export async function loadKubeconfig(source: KubeconfigSource, { clock }: Ports): Promise<ClusterConfig> {
  const paths = kubeconfigPaths(source);
  const files: Kubeconfig[] = [];
  for (const path of paths) {
    const text = await readOptional(path);
    if (text !== undefined) files.push(parseKubeconfig(text, path));
  }
  const where = paths.join(delimiter);
  if (files.length === 0) throw kubeErrors.create('KUBE_CONFIG_MISSING', { paths: where });
  const invalid = (problem: string, cause?: unknown) =>
    kubeErrors.create('KUBE_CONFIG_INVALID', { path: where, problem }, cause);

  const config = mergeKubeconfigs(files);
  const contextName = source.contextName ?? config.currentContext;
  if (contextName === undefined) throw invalid('no current-context');
  const context = config.contexts.get(contextName);
  if (context === undefined) throw invalid(`no context ${contextName}`);
  const cluster = config.clusters.get(context.cluster);
  if (cluster === undefined) throw invalid(`no cluster ${context.cluster}`);
  const user = context.user === '' ? undefined : config.users.get(context.user);
  if (user === undefined && context.user !== '') throw invalid(`no user ${context.user}`);
  if (cluster.insecure) {
    throw kubeErrors.create('KUBE_CONFIG_INSECURE', { path: where, cluster: context.cluster });
  }

  const server = serverUrl(cluster, context.cluster, invalid);
  const ca = await pem(cluster.ca, `clusters ${context.cluster} certificate-authority`, invalid);
  return {
    server,
    ca,
    serverName: cluster.serverName,
    namespace: context.namespace ?? 'default',
    authenticator:
      user === undefined
        ? fixedCredentials({})
        : await authenticatorOf(user, context.user, { server, ca, cluster, source, clock, invalid }),
    impersonate: user?.as === undefined ? undefined : { user: user.as, groups: user.asGroups },
  };
}

/** The files `loadKubeconfig` would look at. */
export function kubeconfigPaths({ path, env }: KubeconfigSource): readonly string[] {
  if (path !== undefined && path !== '') return [path];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((entry) => entry !== '');
  if (listed.length > 0) return listed;
  return env['HOME'] === undefined ? [] : [join(env['HOME'], '.kube', 'config')];
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw kubeErrors.create('KUBE_CONFIG_INVALID', { path, problem: errorText(cause) }, cause);
  }
}

type Invalid = (problem: string, cause?: unknown) => Error;

function serverUrl(cluster: ClusterEntry, name: string, invalid: Invalid): URL {
  const server = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (server === undefined || !['http:', 'https:'].includes(server.protocol)) {
    throw invalid(`clusters ${name} server "${cluster.server}" is not an http(s) URL`);
  }
  return server;
}

async function pem(value: DataOrFile, field: string, invalid: Invalid): Promise<string | undefined> {
  if (value.data !== undefined) {
    const text = Buffer.from(value.data, 'base64').toString('utf8');
    if (!text.includes('-----BEGIN ')) throw invalid(`${field}-data is not base64 of PEM`);
    return text;
  }
  if (value.file === undefined) return undefined;
  try {
    return await readFile(value.file, 'utf8');
  } catch (cause) {
    throw invalid(`${field}: ${errorText(cause)}`, cause);
  }
}

interface AuthenticatorContext {
  readonly server: URL;
  readonly ca: string | undefined;
  readonly cluster: ClusterEntry;
  readonly source: KubeconfigSource;
  readonly clock: Clock;
  readonly invalid: Invalid;
}

async function authenticatorOf(
  user: UserEntry,
  name: string,
  context: AuthenticatorContext,
): Promise<Authenticator> {
  const { clock, invalid, source } = context;
  if (user.authProvider) throw invalid(`users ${name} auth-provider is not supported; use exec`);
  const certificate = await certificateOf(user, name, context);
  if (user.exec !== undefined && user.token === undefined && user.tokenFile === undefined) {
    if (user.exec.command === '') throw invalid(`users ${name} exec.command is missing`);
    const cluster = {
      server: context.cluster.server,
      'tls-server-name': context.cluster.serverName,
      'certificate-authority-data':
        context.ca === undefined ? undefined : Buffer.from(context.ca).toString('base64'),
    };
    return both(
      certificate,
      execAuthenticator({ exec: user.exec, user: name, env: source.env, cluster }, clock),
    );
  }
  // As in client-go, a token file wins over a token.
  if (user.tokenFile !== undefined)
    return both(certificate, tokenFileAuthenticator(user.tokenFile, name, clock));
  if (user.token !== undefined) {
    return both(certificate, fixedCredentials({ authorization: `Bearer ${user.token}` }));
  }
  if (user.username !== undefined) {
    const basic = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64');
    return both(certificate, fixedCredentials({ authorization: `Basic ${basic}` }));
  }
  return certificate ?? fixedCredentials({});
}

async function certificateOf(
  user: UserEntry,
  name: string,
  { clock, invalid }: AuthenticatorContext,
): Promise<Authenticator | undefined> {
  const filesOnly = user.cert.data === undefined && user.key.data === undefined;
  if (filesOnly && user.cert.file !== undefined && user.key.file !== undefined) {
    return certificateFileAuthenticator({ cert: user.cert.file, key: user.key.file }, name, clock);
  }
  const cert = await pem(user.cert, `users ${name} client-certificate`, invalid);
  const key = await pem(user.key, `users ${name} client-key`, invalid);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(`users ${name} has only one of client-certificate and client-key`);
  }
  return cert === undefined ? undefined : fixedCredentials({ cert, key });
}

/** A client certificate and a header; the certificate of a plugin goes before that of the file. */
function both(certificate: Authenticator | undefined, header: Authenticator): Authenticator {
  if (certificate === undefined) return header;
  let last: { from: readonly unknown[]; merged: object } | undefined;
  return {
    async credentials(signal, rejected) {
      const stale = rejected !== undefined && rejected === last?.merged;
      const [fromFile, fromHeader] = await Promise.all([
        certificate.credentials(signal, stale ? (last?.from[0] as object) : undefined),
        header.credentials(signal, stale ? (last?.from[1] as object) : undefined),
      ]);
      if (last === undefined || last.from[0] !== fromFile || last.from[1] !== fromHeader) {
        const own = fromHeader.cert === undefined ? fromFile : fromHeader;
        last = {
          from: [fromFile, fromHeader],
          merged: { authorization: fromHeader.authorization, cert: own.cert, key: own.key },
        };
      }
      return last.merged;
    },
  };
}
