import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { errorText } from '@kubeedge-ts/errors';
import { createWorkQueue } from '@kubeedge-ts/kube';
import { type CertificateAuthority, describeCertificate, rotationTime } from '@kubeedge-ts/pki';
import { type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';

/** `files`: the user's; `cluster`: of its CSR API; `hub`: of the CA of this installation. */
export type CertificateSource = 'files' | 'cluster' | 'hub';

/** PEM. */
export interface ServingCertificate {
  readonly source: CertificateSource;
  readonly cert: string;
  readonly key: string;
}

export interface ServingCertificates {
  /** Until `prepare` has resolved there is none. */
  readonly current: ServingCertificate;
  /** Gets a first one, without waiting for the cluster. */
  prepare(): Promise<void>;
  /** From then on looks after it: files that change, names that change, renewal. */
  start(): void;
  /** Looks now. */
  refresh(): void;
  /** Resolves once nothing is being looked at. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServingCertificatesOptions {
  readonly files: { readonly cert: string; readonly key: string };
  /** Addresses and names it must be good for. */
  readonly names: () => readonly string[];
  readonly hub: Pick<CertificateAuthority, 'issueServer'>;
  /** Asks the cluster for one. @throws KubeEdgeError CLOUDCORE_SERVING_CERTIFICATE */
  readonly askCluster: (
    names: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly cert: string; readonly key: string }>;
  readonly changed: (certificate: ServingCertificate) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Held extends ServingCertificate {
  readonly x509: X509Certificate;
  readonly renewAt: number;
}

const LOOK_MS = 60_000;
const ASK_AGAIN = { initialMs: 5_000, maxMs: 3_600_000 };

/** The certificate the API server sees when it dials a node: the best there is, swapped without a restart. */
export function createServingCertificates(options: ServingCertificatesOptions): ServingCertificates {
  const { files, names, hub, askCluster, changed, clock, random } = options;
  const log = options.log.child({ part: 'serving-certificate' });
  const backoff = createBackoff(ASK_AGAIN, random);
  let held: Held | undefined;
  let askAt = 0;
  let askedFor = '';
  let complaint = '';

  const use = (source: CertificateSource, cert: string, key: string, reason: string): void => {
    const x509 = new X509Certificate(cert);
    held = { source, cert, key, x509, renewAt: rotationTime(describeCertificate(x509), random) };
    log.info({ source, reason, validTo: x509.validTo }, 'serving certificate of the kubelet API');
    changed(held);
  };

  /** True: the user's own is in use, and nothing else is to be looked for. */
  const fromFiles = async (): Promise<boolean> => {
    const [cert, key] = await Promise.all([readIfPresent(files.cert), readIfPresent(files.key)]);
    if (cert === undefined || key === undefined) return false;
    if (held?.source === 'files' && held.cert === cert && held.key === key) return true;
    const problem = problemOf(cert, key, clock.now());
    if (problem !== undefined) {
      if (problem !== complaint)
        log.warn({ file: files.cert, problem }, 'serving certificate file is of no use');
      complaint = problem;
      return false;
    }
    complaint = '';
    use('files', cert, key, 'tlsStreamCertFile and tlsStreamPrivateKeyFile are there');
    const missing = missingNames(new X509Certificate(cert), names());
    if (missing.length > 0) {
      log.warn(
        { file: files.cert, missing },
        'serving certificate file lacks names: an API server that verifies kubelets refuses it',
      );
    }
    return true;
  };

  const fromHub = async (): Promise<void> => {
    const wanted = names();
    const good =
      held !== undefined &&
      held.source !== 'files' &&
      missingNames(held.x509, wanted).length === 0 &&
      held.x509.validToDate.getTime() > clock.now();
    if (good) return;
    const { certPem, keyPem } = await hub.issueServer({
      addresses: wanted.filter((name) => isIP(name) > 0),
      dnsNames: wanted.filter((name) => isIP(name) === 0),
      now: clock.now(),
    });
    use('hub', certPem, keyPem, "one of this installation's CA, until the cluster issues one");
  };

  const fromCluster = async (signal: AbortSignal): Promise<void> => {
    const wanted = names();
    if (held?.source === 'cluster' && clock.now() < held.renewAt) return;
    if (wanted.join() !== askedFor) askAt = 0;
    if (clock.monotonic() < askAt) return;
    askedFor = wanted.join();
    try {
      const { cert, key } = await askCluster(wanted, signal);
      use('cluster', cert, key, "the cluster's CSR API has issued it");
      backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      const retryMs = backoff.next();
      askAt = clock.monotonic() + retryMs;
      log.warn(
        { err: errorText(error), retryMs: Math.round(retryMs) },
        'the cluster has issued no serving certificate',
      );
    }
  };

  const queue = createWorkQueue(
    {
      name: 'serving-certificate',
      async handler(key, signal) {
        if (!(await fromFiles())) {
          await fromHub();
          await fromCluster(signal);
        }
        queue.addAfter(key, LOOK_MS);
      },
    },
    { clock, random, log },
  );

  return {
    get current() {
      if (held === undefined) throw new TypeError('the serving certificate is not prepared');
      return held;
    },
    async prepare() {
      if (!(await fromFiles())) await fromHub();
    },
    start: () => queue.add('certificate'),
    refresh: () => queue.add('certificate'),
    idle: () => queue.idle(),
    stop: () => queue.shutdown(),
  };
}

/** Those the certificate is not good for. */
export function missingNames(certificate: X509Certificate, names: readonly string[]): readonly string[] {
  return names.filter(
    (name) => (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name)) === undefined,
  );
}

function problemOf(cert: string, key: string, now: number): string | undefined {
  try {
    createSecureContext({ cert, key });
    return new X509Certificate(cert).validToDate.getTime() <= now ? 'expired' : undefined;
  } catch (error) {
    return errorText(error);
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
