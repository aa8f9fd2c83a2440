import { type Node, nodes } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import { ERROR_CODE_HEADER } from '@kubeedge-ts/pki';
import type { Logger } from '@kubeedge-ts/runtime';
import type { CloudCertificates } from '../certificates.ts';
import { decideIssue } from './issue-decision.ts';
import type { Route, RouteAnswer, RouteRequest } from './route.ts';

export interface CertificateRoutePorts {
  readonly certificates: Pick<CloudCertificates, 'ca' | 'signer'>;
  readonly client: Pick<KubeClient, 'get'>;
  readonly log: Logger;
}

/** Upstream's limit for the body of `/edge.crt`. */
const MAX_CSR_BODY = 1_048_576;
const DER = 'application/octet-stream';

/** `/ca.crt`, `/edge.crt` and `/node/{name}` (spec/certificates-and-ports.md §2.2). */
export function certificateRoutes(ports: CertificateRoutePorts): readonly Route[] {
  const { certificates } = ports;
  return [
    {
      method: 'GET',
      path: '/ca.crt',
      identity: 'anyone',
      reason: 'an edge fetches it before it can trust anything, and checks it against the hash in its token',
      maxBodyBytes: 0,
      handler: async () => ({ status: 200, body: certificates.ca.certDer, contentType: DER }),
    },
    {
      method: 'GET',
      path: '/edge.crt',
      identity: 'node',
      reason: 'issues node certificates',
      maxBodyBytes: MAX_CSR_BODY,
      handler: (request) => edgeCertificate(ports, request),
    },
    {
      method: 'GET',
      path: '/node/:name',
      identity: 'anyone',
      reason: 'keadm join asks without credentials and goes on after 404, which is what strangers always get',
      maxBodyBytes: 0,
      handler: (request) => nodeCheck(ports, request),
    },
  ];
}

async function edgeCertificate(
  { certificates, client, log }: CertificateRoutePorts,
  request: RouteRequest,
): Promise<RouteAnswer> {
  const nodeName = headerOf(request, 'nodename') ?? '';
  const fields = { node: nodeName, by: request.caller.kind, remoteAddress: request.remoteAddress };
  const refuse = (status: number, reason: string): RouteAnswer => {
    log.warn({ ...fields, status, reason }, 'certificate refused');
    return { status, body: `${reason}\n` };
  };

  const extKeyUsages = headerOf(request, 'extkeyusages');
  const decision = decideIssue({ caller: request.caller, nodeName, extKeyUsages });
  if (decision.kind === 'refuse') return refuse(decision.status, decision.reason);
  if (decision.kind === 'depends') {
    const node = await readNode(client, nodeName, request.signal);
    if (node === 'unknown') return refuse(503, 'the cluster cannot be asked for the node now, try again');
    if ((node === 'exists') !== decision.exists) {
      return refuse(decision.otherwise.status, decision.otherwise.reason);
    }
  }
  try {
    const certificate = await certificates.signer.sign(request.body, nodeName);
    log.info(fields, 'certificate issued');
    return { status: 200, body: certificate, contentType: DER };
  } catch (error) {
    // 500 also for a request that cannot be read: what upstream answers (§2.3).
    if (!isKubeEdgeError(error, 'PKI_CSR_INVALID')) throw error;
    const answer = refuse(500, error.message);
    return { ...answer, headers: { [ERROR_CODE_HEADER]: error.code } };
  }
}

async function nodeCheck(
  { client, log }: CertificateRoutePorts,
  { params, caller, signal }: RouteRequest,
): Promise<RouteAnswer> {
  const name = params['name'] ?? '';
  if (name === '') return { status: 400, body: 'the path must name a node\n' };
  const absent = { status: 404, body: `node ${name.slice(0, 253)} does not exist\n` };
  const mayKnow =
    (caller.kind === 'certificate' && caller.nodeName === name && caller.expiredMs === 0) ||
    (caller.kind === 'token' && (caller.nodeName === undefined || caller.nodeName === name));
  if (!mayKnow) return absent;
  const node = await readNode(client, name, signal);
  if (node === 'exists') return { status: 200, body: `node ${name} exists\n` };
  if (node === 'absent') return absent;
  log.warn({ node: name }, 'node could not be looked up');
  return { status: 500, body: 'the cluster cannot be asked now\n' };
}

async function readNode(
  client: Pick<KubeClient, 'get'>,
  name: string,
  signal: AbortSignal,
): Promise<'exists' | 'absent' | 'unknown'> {
  try {
    await client.get<Node>(nodes, { name }, { signal, timeoutMs: 10_000 });
    return 'exists';
  } catch (error) {
    return isNotFound(error) ? 'absent' : 'unknown';
  }
}

function headerOf(request: RouteRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
