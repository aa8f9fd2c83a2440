import { execFile } from 'node:child_process';
import { isRecord } from '@kubeedge-ts/apis';
import { errorText, kubeErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import type { Authenticator, Credentials } from './cluster-config.ts';
import type { ExecEntry } from './kubeconfig-file.ts';

export interface ExecPluginOptions {
  readonly exec: ExecEntry;
  readonly user: string;
  /** Environment of the plugin; its own `env` entries are added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What `provideClusterInfo` hands over. */
  readonly cluster: Readonly<Record<string, unknown>>;
}

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/**
 * Runs a credential plugin (`client.authentication.k8s.io`) as a plain argv, never through a shell. Its answer is kept
 * until it expires or the server refuses it; calls at the same time share one run.
 */
export function execAuthenticator(options: ExecPluginOptions, clock: Pick<Clock, 'now'>): Authenticator {
  let cached: { credentials: Credentials; expiresMs: number } | undefined;
  let running: Promise<Credentials> | undefined;

  const renew = async (): Promise<Credentials> => {
    cached = decodeExecCredential(await runPlugin(options), options);
    return cached.credentials;
  };
  return {
    credentials(signal, rejected) {
      signal?.throwIfAborted();
      const usable =
        cached !== undefined && cached.expiresMs > clock.now() && cached.credentials !== rejected;
      if (cached !== undefined && usable) return Promise.resolve(cached.credentials);
      running ??= renew().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

function failed(options: ExecPluginOptions, problem: string, cause?: unknown) {
  const hint = options.exec.installHint === undefined ? '' : ` (${options.exec.installHint.trim()})`;
  return kubeErrors.create('KUBE_CREDENTIALS', { user: options.user, problem: `${problem}${hint}` }, cause);
}

function runPlugin(options: ExecPluginOptions): Promise<string> {
  const { exec, env, cluster } = options;
  if (!API_VERSIONS.includes(exec.apiVersion)) {
    throw failed(options, `exec.apiVersion ${exec.apiVersion || '""'} is none of ${API_VERSIONS.join(', ')}`);
  }
  if (exec.interactiveMode === 'Always') throw failed(options, `${exec.command} needs a terminal`);
  const info = {
    kind: 'ExecCredential',
    apiVersion: exec.apiVersion,
    spec: { interactive: false, ...(exec.provideClusterInfo ? { cluster } : {}) },
  };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(
    exec.command,
    [...exec.args],
    {
      env: { ...env, ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
      encoding: 'utf8',
    },
    (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(failed(options, `${exec.command}: ${errorText(error).slice(0, 500)}`, error));
    },
  ).stdin?.end();
  return promise;
}

function decodeExecCredential(
  text: string,
  options: ExecPluginOptions,
): { credentials: Credentials; expiresMs: number } {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw failed(options, `${options.exec.command} printed no JSON`, cause);
  }
  const status = isRecord(answer) ? answer['status'] : undefined;
  if (!isRecord(answer) || answer['kind'] !== 'ExecCredential' || !isRecord(status)) {
    throw failed(options, `${options.exec.command} printed no ExecCredential with a status`);
  }
  const textOf = (name: string) => (typeof status[name] === 'string' ? (status[name] as string) : undefined);
  const token = textOf('token');
  const cert = textOf('clientCertificateData');
  const key = textOf('clientKeyData');
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw failed(options, `${options.exec.command} gave neither a token nor a certificate with its key`);
  }
  const expiresMs = Date.parse(textOf('expirationTimestamp') ?? '');
  return {
    credentials: { authorization: token === undefined ? undefined : `Bearer ${token}`, cert, key },
    expiresMs: Number.isNaN(expiresMs) ? Number.POSITIVE_INFINITY : expiresMs,
  };
}
