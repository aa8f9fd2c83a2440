import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  type CertificateInfo,
  caHash,
  certificateToDer,
  nodeCommonName,
  readCertificate,
  rotationTime,
} from '@kubeedge-ts/pki/light';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import type { Enrol } from './enrol-process.ts';
import { type IdentityFiles, readIdentity, writeIdentity } from './identity-files.ts';

export interface IdentityOptions {
  readonly nodeName: string;
  readonly httpServer: string;
  readonly files: IdentityFiles;
  /** The join token, newest known; empty when there is none. Read anew each time it is needed. */
  readonly token: () => string | Promise<string>;
  readonly enrol: Enrol;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The node's certificate: kept in files, obtained with a token, renewed with itself. */
export interface Identity {
  /**
   * What to connect with: the present files if they are this node's and not expired; else, if they are this node's, a
   * renewal with their key as proof (LESSONS O5); else a fresh enrolment.
   * Of several who ask at once the first obtains it, the others get the same.
   * @throws KubeEdgeError EDGE_TOKEN_MISSING, EDGE_IDENTITY_FILE, EDGE_ENROL_FAILED, PKI_*; the signal's reason
   */
  obtain(signal: AbortSignal): Promise<TlsMaterial>;
  /** The cloud did not accept the identity. If the token belongs to another CA than ours, the next `obtain` enrols. */
  refused(): void;
  /** Renews between 70 and 90 % of every certificate's life until the signal aborts (spec §5.2). */
  keepRenewed(signal: AbortSignal): Promise<void>;
}

/** Why a certificate cannot be used. */
interface Problem {
  readonly kind: 'absent' | 'foreign' | 'expired';
  readonly text: string;
}

/** Longest single timer: longer ones overflow, and a suspended or corrected clock is noticed in time. */
const MAX_SLEEP_MS = 3_600_000;

export function createIdentity(options: IdentityOptions): Identity {
  const { nodeName, httpServer, files, clock, random, log } = options;
  let wasRefused = false;

  const problemOf = (material: TlsMaterial | undefined): Problem | undefined => {
    if (material === undefined) return { kind: 'absent', text: 'none found' };
    const { commonName, notAfter } = readCertificate(material.cert);
    if (commonName !== nodeCommonName(nodeName)) {
      return { kind: 'foreign', text: `it belongs to ${commonName}` };
    }
    // A clock that lags behind notBefore is left to the server's judgement: edge machines often start in the past.
    if (notAfter > clock.now()) return undefined;
    return { kind: 'expired', text: `expired ${new Date(notAfter).toISOString()}` };
  };

  const isOfOtherCloud = (material: TlsMaterial, token: string): boolean => {
    const hash = token.trim().split('.')[0] ?? '';
    return /^[0-9a-f]{64}$/.test(hash) && hash !== caHash(certificateToDer(material.ca, files.ca));
  };

  /**
   * Files are read and written by one at a time: a reader that finds a certificate and a key of two identities sets it
   * right, and would take the new certificate out of the writer's hands.
   */
  let busy: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const turn = busy.then(() => {
      signal.throwIfAborted();
      return work();
    });
    busy = turn.catch(() => undefined);
    return orAborted(turn, signal);
  };

  const replace = async (material: TlsMaterial): Promise<CertificateInfo> => {
    await writeIdentity(files, material);
    return readCertificate(material.cert);
  };

  const renewal = (material: TlsMaterial, signal: AbortSignal): Promise<TlsMaterial> => {
    const current = { caPem: material.ca, certPem: material.cert, keyPem: material.key };
    return options.enrol({ action: 'renew', httpServer, nodeName, current }, signal);
  };

  const take = async (fresh: TlsMaterial): Promise<TlsMaterial> => {
    const info = await replace(fresh);
    log.info({ nodeName, notAfter: new Date(info.notAfter).toISOString() }, 'node certificate renewed');
    return fresh;
  };

  /** Undefined when the cloud does not take the expired certificate as proof: a token may help. */
  const revived = async (expired: TlsMaterial, signal: AbortSignal): Promise<TlsMaterial | undefined> => {
    try {
      return await take(await renewal(expired, signal));
    } catch (error) {
      if (signal.aborted || isKubeEdgeError(error, 'PKI_UNREACHABLE')) throw error;
      log.warn({ err: errorText(error) }, 'expired certificate was not renewed, a join token is needed');
      return undefined;
    }
  };

  const enrolled = async (token: string, signal: AbortSignal): Promise<TlsMaterial> => {
    const material = await options
      .enrol({ action: 'enrol', httpServer, nodeName, token }, signal)
      .catch((error: unknown) => {
        if (isKubeEdgeError(error) && error.code.startsWith('PKI_TOKEN_')) {
          log.error(
            { code: error.code },
            'join token is not accepted: mint a new token with keadm gettoken and put it in modules.edgeHub.token',
          );
        }
        throw error;
      });
    const info = await replace(material);
    wasRefused = false;
    log.info({ nodeName, notAfter: new Date(info.notAfter).toISOString() }, 'node certificate issued');
    return material;
  };

  const obtain = async (signal: AbortSignal): Promise<TlsMaterial> => {
    const present = await readIdentity(files);
    const problem = problemOf(present);
    if (present !== undefined && problem === undefined && !wasRefused) return present;
    const token = await options.token();
    const elsewhere = present !== undefined && isOfOtherCloud(present, token);
    if (present !== undefined && problem === undefined && !elsewhere) return present;
    if (present !== undefined && problem?.kind === 'expired' && !elsewhere) {
      const material = await revived(present, signal);
      if (material !== undefined) return material;
    }
    const text = problem?.text ?? 'the token is of another cloud';
    if (token === '') throw edgecoreErrors.create('EDGE_TOKEN_MISSING', { nodeName, problem: text });
    log.info({ nodeName, httpServer, problem: text }, 'asking the cloud for a certificate');
    return enrolled(token, signal);
  };

  return {
    obtain: (signal) => inTurn(signal, () => obtain(signal)),

    refused: () => {
      wasRefused = true;
    },

    async keepRenewed(signal) {
      const backoff = createBackoff({ initialMs: 2_000, maxMs: 3_600_000 }, random);
      let due: { readonly of: string; readonly at: number } | undefined;
      while (!signal.aborted) {
        let waitMs = 60_000;
        try {
          const material = await inTurn(signal, () => readIdentity(files));
          if (material !== undefined && problemOf(material) === undefined) {
            if (due?.of !== material.cert) {
              due = { of: material.cert, at: rotationTime(readCertificate(material.cert), random) };
            }
            waitMs = due.at - clock.now();
            if (waitMs <= 0) {
              const fresh = await renewal(material, signal);
              await inTurn(signal, () => take(fresh));
              backoff.reset();
              continue;
            }
          }
        } catch (error) {
          if (signal.aborted) break;
          const advice = isKubeEdgeError(error) ? { code: error.code, advice: error.advice } : {};
          log.warn({ err: errorText(error), ...advice }, 'node certificate could not be renewed');
          waitMs = backoff.next();
        }
        await sleep(clock, Math.min(waitMs, MAX_SLEEP_MS), signal).catch(() => undefined);
      }
    },
  };
}

/** The work's outcome, or the signal's reason if that comes first; the work is not waited for then. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
