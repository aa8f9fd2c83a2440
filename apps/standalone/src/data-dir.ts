import { createPrivateKey } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, standaloneErrors } from '@kubeedge-ts/errors';
import { coversNames, createCa, createSigningKey, issueLeaf, type KeyPair } from './pki.ts';

/** Everything secret the server works with; PEM. */
export interface ServerIdentity {
  readonly ca: KeyPair;
  readonly serving: KeyPair;
  /** Client certificate of the administrator (system:masters). */
  readonly admin: KeyPair;
  /** Client certificate that nodes are shown (system:masters). */
  readonly kubeletClient: KeyPair;
  /** CA of those who may say whom a request is from; nobody is given a certificate of it. */
  readonly frontProxyCa: KeyPair;
  readonly serviceAccountKey: string;
}

const STORE_FILE = 'standalone.db';
const NAMES = {
  ca: 'ca',
  serving: 'apiserver',
  admin: 'admin',
  kubeletClient: 'apiserver-kubelet-client',
  frontProxyCa: 'front-proxy-ca',
  serviceAccount: 'service-account.key',
} as const;

const CLIENTS = { admin: 'kubernetes-admin', kubelet: 'kube-apiserver-kubelet-client' } as const;
const FRONT_PROXY = 'front-proxy-ca';
const MASTER = { organization: 'system:masters', names: [] } as const;

/** Creates the directory, 0700, if need be. @throws STANDALONE_DATA_DIR_UNUSABLE */
export function prepareDataDir(path: string): void {
  try {
    mkdirSync(join(path, 'pki'), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw standaloneErrors.create('STANDALONE_DATA_DIR_UNUSABLE', { path, problem: errorText(cause) }, cause);
  }
}

export function storePath(dataDir: string): string {
  return join(dataDir, STORE_FILE);
}

/**
 * Reads the identity, creating what is missing. The CA and the token key are made once; the serving certificate is
 * made again when it does not cover `names`.
 *
 * @throws STANDALONE_DATA_DIR_UNUSABLE, STANDALONE_PKI_UNREADABLE
 */
export async function loadIdentity(
  dataDir: string,
  names: readonly string[],
  now: number,
): Promise<ServerIdentity> {
  const folder = join(dataDir, 'pki');
  const ca = readPair(folder, NAMES.ca) ?? writePair(folder, NAMES.ca, await createCa(now));
  const caKey = privateKeyOf(ca, join(folder, `${NAMES.ca}.key`));
  const stored = readPair(folder, NAMES.serving);
  const serving =
    stored !== undefined && coversNames(stored.cert, names, now)
      ? stored
      : writePair(
          folder,
          NAMES.serving,
          await issueLeaf(ca, caKey, { commonName: 'kube-apiserver', names, now }),
        );
  const client = async (name: string, commonName: string): Promise<KeyPair> => {
    const old = readPair(folder, name);
    if (old !== undefined && coversNames(old.cert, [], now)) return old;
    return writePair(folder, name, await issueLeaf(ca, caKey, { ...MASTER, commonName, now }));
  };
  const admin = await client(NAMES.admin, CLIENTS.admin);
  const kubeletClient = await client(NAMES.kubeletClient, CLIENTS.kubelet);
  const frontProxyCa =
    readPair(folder, NAMES.frontProxyCa) ??
    writePair(folder, NAMES.frontProxyCa, await createCa(now, FRONT_PROXY));
  const keyFile = join(folder, NAMES.serviceAccount);
  const serviceAccountKey = readSecret(keyFile) ?? writeSecret(keyFile, createSigningKey());
  privateKeyOf({ cert: '', key: serviceAccountKey }, keyFile);
  return { ca, serving, admin, kubeletClient, frontProxyCa, serviceAccountKey };
}

/** An identity that lives as long as the process, for servers without a data directory. */
export async function ephemeralIdentity(names: readonly string[], now: number): Promise<ServerIdentity> {
  const ca = await createCa(now);
  const caKey = createPrivateKey(ca.key);
  return {
    ca,
    serving: await issueLeaf(ca, caKey, { commonName: 'kube-apiserver', names, now }),
    admin: await issueLeaf(ca, caKey, { ...MASTER, commonName: CLIENTS.admin, now }),
    frontProxyCa: await createCa(now, FRONT_PROXY),
    kubeletClient: await issueLeaf(ca, caKey, { ...MASTER, commonName: CLIENTS.kubelet, now }),
    serviceAccountKey: createSigningKey(),
  };
}

function privateKeyOf(pair: KeyPair, path: string) {
  try {
    return createPrivateKey(pair.key);
  } catch (cause) {
    throw standaloneErrors.create('STANDALONE_PKI_UNREADABLE', { path, problem: errorText(cause) }, cause);
  }
}

function readPair(folder: string, name: string): KeyPair | undefined {
  const cert = readSecret(join(folder, `${name}.crt`));
  const key = readSecret(join(folder, `${name}.key`));
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

function writePair(folder: string, name: string, pair: KeyPair): KeyPair {
  writeSecret(join(folder, `${name}.key`), pair.key);
  writeSecret(join(folder, `${name}.crt`), pair.cert);
  return pair;
}

function readSecret(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw standaloneErrors.create('STANDALONE_PKI_UNREADABLE', { path, problem: errorText(cause) }, cause);
  }
}

/** 0600, and whole or not at all: a crash in between leaves the old file. */
export function writeSecret(path: string, content: string): string {
  try {
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  } catch (cause) {
    throw standaloneErrors.create('STANDALONE_DATA_DIR_UNUSABLE', { path, problem: errorText(cause) }, cause);
  }
  return content;
}
