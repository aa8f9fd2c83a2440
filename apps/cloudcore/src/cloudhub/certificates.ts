import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { errorText, pkiErrors } from '@kubeedge-ts/errors';
import {
  type CertificateAuthority,
  type CertificatePair,
  createAuthority,
  describeCertificate,
  loadAuthority,
  loadPair,
} from '@kubeedge-ts/pki';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import { createSecretStore, type SecretStore, type SecretsClient } from './certificate-secrets.ts';
import { createJoinTokens, type JoinTokens } from './join-tokens.ts';

/** The keys of `modules.cloudHub` this needs, by their own names (spec/keadm-and-config.md §3). */
export interface CertificateConfig {
  readonly advertiseAddress: readonly string[];
  readonly dnsNames: readonly string[];
  readonly tlsCAFile: string;
  readonly tlsCAKeyFile: string;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  /** Days. */
  readonly edgeCertSigningDuration: number;
  /** Hours. */
  readonly tokenRefreshDuration: number;
}

export interface CloudCertificates {
  readonly ca: CertificateAuthority;
  /** For every listener of cloudcore that edges dial. */
  readonly server: TlsMaterial;
  readonly signer: NodeSigner;
  readonly tokens: JoinTokens;
}

export interface NodeSigner {
  /** DER of a client certificate for the key in `csr` (DER). @throws KubeEdgeError PKI_CSR_INVALID */
  sign(csr: Uint8Array, nodeName: string): Promise<Buffer>;
}

export interface PrepareOptions {
  readonly client: SecretsClient;
  readonly config: CertificateConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Resolves CA, server certificate and join token as upstream does (spec/certificates-and-ports.md §4.1): files first,
 * then secrets, then new ones. Secrets are created create-only and read again, so that several cloudcores share one CA
 * and a running upstream installation is taken over. Waits for an API server that is away.
 *
 * @throws KubeEdgeError PKI_PAIR_INCOMPLETE, PKI_PEM_INVALID, PKI_CA_INVALID, KUBE_STATUS; the signal's reason
 */
export async function prepareCertificates(options: PrepareOptions): Promise<CloudCertificates> {
  const { config, clock, random, log, signal } = options;
  const store = createSecretStore(options.client, { clock, random, log, signal });
  await store.ensureNamespace();
  const ca = await resolveAuthority(store, options);
  const server = await resolveServer(store, ca, options);
  const tokens = createJoinTokens({ ca, refreshHours: config.tokenRefreshDuration, clock });
  await tokens.ensureStored(store);
  return {
    ca,
    server: { ca: ca.certPem, cert: server.certPem, key: server.keyPem },
    signer: {
      sign: (csr, nodeName) =>
        ca.signNode({ csr, nodeName, lifetimeDays: config.edgeCertSigningDuration, now: clock.now() }),
    },
    tokens,
  };
}

const CA_SECRET = { name: 'casecret', cert: 'cadata', key: 'cakeydata' };
const SERVER_SECRET = { name: 'cloudcoresecret', cert: 'cloudcoredata', key: 'cloudcorekeydata' };

async function resolveAuthority(
  store: SecretStore,
  { config, clock, log }: PrepareOptions,
): Promise<CertificateAuthority> {
  const files = await readPair(config.tlsCAFile, config.tlsCAKeyFile);
  const own = files && loadAuthority(files.cert, files.key, config.tlsCAFile);
  for (;;) {
    const stored = await store.read(CA_SECRET.name);
    if (stored === undefined) {
      const ca = own ?? (await createAuthority(clock.now()));
      const values = { [CA_SECRET.cert]: ca.certDer, [CA_SECRET.key]: ca.keyDer };
      // Read back rather than used: another cloudcore may have been faster.
      if (await store.create(CA_SECRET.name, values)) log.info({ caHash: ca.hash }, 'CA stored');
      continue;
    }
    const cert = stored.values.get(CA_SECRET.cert) ?? Buffer.alloc(0);
    if (own === undefined) {
      const key = stored.values.get(CA_SECRET.key) ?? Buffer.alloc(0);
      return loadAuthority(cert, key, `Secret kubeedge/${CA_SECRET.name}`);
    }
    if (cert.equals(own.certDer)) return own;
    log.warn({ caFile: config.tlsCAFile, caHash: own.hash }, 'CA file replaces the stored CA');
    const values = { [CA_SECRET.cert]: own.certDer, [CA_SECRET.key]: own.keyDer };
    if (await store.replace(stored, values)) return own;
  }
}

async function resolveServer(
  store: SecretStore,
  ca: CertificateAuthority,
  options: PrepareOptions,
): Promise<CertificatePair> {
  const { config, clock, log } = options;
  const files = await readPair(config.tlsCertFile, config.tlsPrivateKeyFile);
  if (files !== undefined) {
    const pair = loadPair(files.cert, files.key, config.tlsCertFile);
    const { problem } = inspectServer(pair.certDer, pair.keyDer, config.tlsCertFile, ca, options);
    if (problem !== undefined) {
      log.warn({ file: config.tlsCertFile, problem }, 'server certificate file will not satisfy edges');
    }
    return pair;
  }
  const issue = (extra: readonly string[] = []): Promise<CertificatePair> =>
    ca.issueServer({
      addresses: [...config.advertiseAddress, ...extra],
      dnsNames: config.dnsNames,
      now: clock.now(),
    });

  for (;;) {
    const stored = await store.read(SERVER_SECRET.name);
    if (stored === undefined) {
      const pair = await issue();
      await store.create(SERVER_SECRET.name, {
        [SERVER_SECRET.cert]: pair.certDer,
        [SERVER_SECRET.key]: pair.keyDer,
      });
      continue;
    }
    const source = `Secret kubeedge/${SERVER_SECRET.name}`;
    const cert = stored.values.get(SERVER_SECRET.cert) ?? Buffer.alloc(0);
    const key = stored.values.get(SERVER_SECRET.key) ?? Buffer.alloc(0);
    const shared = inspectServer(cert, key, source, ca, options);
    if (shared.problem === undefined) return shared.pair;
    // In memory only: another cloudcore with other addresses must not fight over the secret.
    log.info({ problem: shared.problem }, 'stored server certificate does not serve, issued one of our own');
    return issue(shared.names);
  }
}

type Inspection =
  | { readonly problem: undefined; readonly pair: CertificatePair }
  | { readonly problem: string; readonly names: readonly string[] };

/** Upstream keeps a server certificate whose names no longer fit its addresses; edges then refuse it. */
function inspectServer(
  cert: Buffer,
  key: Buffer,
  source: string,
  ca: CertificateAuthority,
  { config, clock }: PrepareOptions,
): Inspection {
  let pair: CertificatePair;
  try {
    pair = loadPair(cert, key, source);
  } catch (error) {
    return { problem: errorText(error), names: [] };
  }
  const certificate = new X509Certificate(pair.certDer);
  const info = describeCertificate(certificate);
  // What edges use today must keep working, so the names of the old one are carried over.
  const names = [...info.ipAddresses, ...info.dnsNames];
  if (!certificate.verify(new X509Certificate(ca.certDer).publicKey)) {
    return { problem: 'issued by another CA', names };
  }
  if (info.notAfter <= clock.now()) return { problem: 'expired', names };
  const wanted = [...config.advertiseAddress, ...config.dnsNames].filter((name) => name !== '');
  const missing = wanted.filter(
    (name) => (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name)) === undefined,
  );
  if (missing.length > 0) return { problem: `does not cover ${missing.join(', ')}`, names };
  return { problem: undefined, pair };
}

async function readPair(
  certFile: string,
  keyFile: string,
): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  const [cert, key] = await Promise.all([readIfPresent(certFile), readIfPresent(keyFile)]);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw pkiErrors.create('PKI_PAIR_INCOMPLETE', { certFile, keyFile });
  }
  return { cert, key };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw pkiErrors.create('PKI_PEM_INVALID', { what: path, problem: errorText(cause) }, cause);
  }
}
