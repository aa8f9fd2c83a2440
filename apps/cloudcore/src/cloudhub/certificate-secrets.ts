import { type Namespace, namespaces, type Secret, secrets } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  isTooManyRequests,
  isUnanswered,
  type KubeClient,
  statusOf,
} from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';

export type SecretsClient = Pick<KubeClient, 'get' | 'create' | 'update'>;

export const SECRETS_NAMESPACE = 'kubeedge';

/** Values of a stored secret, decoded, with what a conditional update needs. */
export interface StoredSecret {
  readonly values: ReadonlyMap<string, Buffer>;
  readonly object: Secret;
}

/** The secrets of namespace `kubeedge` (spec/certificates-and-ports.md §4.2). Every write is conditional. */
export interface SecretStore {
  /** Creates the namespace if it is absent. */
  ensureNamespace(): Promise<void>;
  read(name: string): Promise<StoredSecret | undefined>;
  /** False when somebody else created it first. */
  create(name: string, values: Readonly<Record<string, Uint8Array>>): Promise<boolean>;
  /** False when somebody else changed it since it was read. */
  replace(stored: StoredSecret, values: Readonly<Record<string, Uint8Array>>): Promise<boolean>;
}

export interface SecretStorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Calls wait for an API server that is away or overloaded, with back-off, until the signal aborts. */
export function createSecretStore(client: SecretsClient, ports: SecretStorePorts): SecretStore {
  const patiently = <T>(call: () => Promise<T>): Promise<T> => retryUnanswered(call, ports);
  const { signal } = ports;

  return {
    async ensureNamespace() {
      const namespace: Namespace = { metadata: { name: SECRETS_NAMESPACE } };
      const key = { name: SECRETS_NAMESPACE };
      const found = await patiently(() => orUndefined(client.get(namespaces, key, { signal })));
      if (found !== undefined) return;
      await patiently(() => won(client.create(namespaces, namespace, { signal })));
    },
    async read(name) {
      const key = { namespace: SECRETS_NAMESPACE, name };
      const object = await patiently(() => orUndefined(client.get(secrets, key, { signal })));
      return object === undefined ? undefined : { object, values: decode(object) };
    },
    create(name, values) {
      const object: Secret = {
        metadata: { name, namespace: SECRETS_NAMESPACE },
        type: 'Opaque',
        data: encode(values),
      };
      return patiently(() => won(client.create(secrets, object, { signal })));
    },
    replace({ object }, values) {
      const changed: Secret = { ...object, data: { ...object.data, ...encode(values) } };
      return patiently(() => won(client.update(secrets, changed, { signal })));
    },
  };
}

async function retryUnanswered<T>(call: () => Promise<T>, ports: SecretStorePorts): Promise<T> {
  const backoff = createBackoff({ initialMs: 1_000, maxMs: 30_000 }, ports.random);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      ports.signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      ports.log.warn({ err: errorText(error) }, 'API server does not answer, waiting for it');
      await sleep(ports.clock, backoff.next(), ports.signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return isUnanswered(error) || isTooManyRequests(error) || (statusOf(error)?.code ?? 0) >= 500;
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function won(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isAlreadyExists(error) || isConflict(error)) return false;
    throw error;
  }
}

function decode(secret: Secret): Map<string, Buffer> {
  return new Map(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );
}

function encode(values: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
}
