import { createPublicKey, type KeyObject } from 'node:crypto';
import { type KubeEdgeError, pkiErrors } from '@kubeedge-ts/errors';
import { type Clock, systemClock } from '@kubeedge-ts/runtime';
import { describeCertificate, nodeCommonName } from './certificate-info.ts';
import { createNodeCsr } from './csr.ts';
import { type HttpsAnswer, httpsGet } from './https-get.ts';
import { generateKey, keyToPem } from './keys.ts';
import { certificateToPem, parseCertificate } from './pem.ts';
import { caHash, type JoinToken, parseJoinToken } from './token.ts';

/** What a node keeps: PEM of the hub CA, its certificate and its key (`EC PRIVATE KEY`). */
export interface NodeCredentials {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface EnrolOptions {
  /** `modules.edgeHub.httpServer`, e.g. `https://10.0.0.1:10002`. */
  readonly httpServer: string;
  /** The four-part join token. */
  readonly token: string;
  readonly nodeName: string;
  readonly signal?: AbortSignal;
  readonly clock?: Pick<Clock, 'now'>;
}

export interface RenewOptions extends Omit<EnrolOptions, 'token'> {
  /** The credentials in use; the key proves who asks. */
  readonly current: NodeCredentials;
}

/** A header our cloudcore adds to refusals, so that the edge need not guess from the text. */
export const ERROR_CODE_HEADER = 'x-kubeedge-error';

/**
 * First enrolment (spec/certificates-and-ports.md §5.1): the CA, authenticated by the token's hash, then a certificate
 * for a fresh key. Nothing is written to disk.
 *
 * @throws KubeEdgeError PKI_TOKEN_MALFORMED, PKI_TOKEN_EXPIRED, PKI_TOKEN_FOREIGN, PKI_REFUSED, PKI_UNREACHABLE,
 * PKI_SERVER_UNTRUSTED, PKI_ANSWER_UNEXPECTED
 */
export async function enrol(options: EnrolOptions): Promise<NodeCredentials> {
  const token = parseJoinToken(options.token);
  const caPem = await fetchPinnedCa(options, token);
  return request(options, caPem, {
    headers: { authorization: `Bearer ${token.bearer}` },
    refused: (answer) => tokenRefusal(options, token, answer),
  });
}

/** Renewal with the present key as proof (§5.2): a fresh key and certificate, the same CA. @throws as `enrol` */
export function renew(options: RenewOptions): Promise<NodeCredentials> {
  const { caPem, certPem, keyPem } = options.current;
  return request(options, caPem, {
    client: { cert: certPem, key: keyPem },
    headers: {},
    refused: () => undefined,
  });
}

/**
 * The CA certificate, as PEM. The one request whose server is not verified by TLS, because what would verify it is
 * what it fetches, and cloudcore's handshake does not contain the CA. It carries no secret, and of the answer only bytes
 * with the hash from the token are used; the token itself is sent over a later, fully verified connection.
 */
async function fetchPinnedCa({ httpServer, signal }: EnrolOptions, token: JoinToken): Promise<string> {
  const url = new URL('/ca.crt', httpServer);
  const answer = await httpsGet(url, { rejectUnauthorized: false }, undefined, signal);
  if (answer.status !== 200) throw unexpected(url, `status ${answer.status}`);
  if (caHash(answer.body) !== token.caHash) {
    throw pkiErrors.create('PKI_TOKEN_FOREIGN', { server: url.origin });
  }
  return certificateToPem(parseCertificate(answer.body, `/ca.crt of ${url.origin}`).raw);
}

interface Proof {
  readonly client?: { readonly cert: string; readonly key: string };
  readonly headers: Readonly<Record<string, string>>;
  /** A more exact error for a refusal, if the proof allows one. */
  readonly refused: (answer: HttpsAnswer) => KubeEdgeError | undefined;
}

async function request(
  { httpServer, nodeName, signal }: Omit<EnrolOptions, 'token'>,
  caPem: string,
  proof: Proof,
): Promise<NodeCredentials> {
  const url = new URL('/edge.crt', httpServer);
  const key = generateKey();
  const csr = await createNodeCsr(nodeName, key);
  const answer = await httpsGet(
    url,
    {
      ca: caPem,
      ...proof.client,
      headers: { ...proof.headers, NodeName: nodeName, 'content-type': 'application/octet-stream' },
    },
    csr,
    signal,
  );
  if (answer.status !== 200) throw proof.refused(answer) ?? refusal(url, nodeName, answer);
  const certPem = acceptCertificate(answer.body, { url, nodeName, key, caPem });
  return { caPem, certPem, keyPem: keyToPem(key) };
}

/** 1.9 clouds answer a failed signing with 200 and no body (§2.3); whatever came must be ours to use. */
function acceptCertificate(
  body: Buffer,
  expected: { url: URL; nodeName: string; key: KeyObject; caPem: string },
): string {
  const { url, nodeName, key, caPem } = expected;
  if (body.length === 0) throw unexpected(url, 'empty body: the cloud could not sign the request');
  const certificate = parseCertificate(body, `/edge.crt of ${url.origin}`);
  if (!certificate.checkPrivateKey(key)) throw unexpected(url, 'a certificate for another key');
  if (!certificate.verify(createPublicKey(caPem))) throw unexpected(url, 'a certificate of another CA');
  const { commonName } = describeCertificate(certificate);
  if (commonName !== nodeCommonName(nodeName)) throw unexpected(url, `a certificate for CN ${commonName}`);
  return certificateToPem(certificate.raw);
}

function tokenRefusal(
  { httpServer, clock = systemClock }: EnrolOptions,
  token: JoinToken,
  answer: HttpsAnswer,
): KubeEdgeError | undefined {
  const code = answer.headers[ERROR_CODE_HEADER];
  const { expiresAt } = token;
  const expiredAt = expiresAt === undefined ? 'an unknown time' : new Date(expiresAt).toISOString();
  const expired = expiresAt !== undefined && expiresAt <= clock.now();
  // 1.9 answers 400 to an expired token (§2.3).
  const isTokenStatus = answer.status === 401 || answer.status === 400;
  if (code === 'PKI_TOKEN_EXPIRED' || (code === undefined && isTokenStatus && expired)) {
    return pkiErrors.create('PKI_TOKEN_EXPIRED', { expiredAt });
  }
  if (code === 'PKI_TOKEN_FOREIGN') {
    return pkiErrors.create('PKI_TOKEN_FOREIGN', { server: httpServer });
  }
  return undefined;
}

function refusal(url: URL, node: string, answer: HttpsAnswer): KubeEdgeError {
  const reason = answer.body.toString('utf8').trim().slice(0, 1_000) || 'no reason given';
  return pkiErrors.create('PKI_REFUSED', { server: url.origin, node, status: answer.status, reason });
}

function unexpected(url: URL, problem: string): KubeEdgeError {
  return pkiErrors.create('PKI_ANSWER_UNEXPECTED', { server: url.origin, what: url.pathname, problem });
}
