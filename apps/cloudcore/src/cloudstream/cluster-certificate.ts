import { X509Certificate } from 'node:crypto';
import { type CertificateSigningRequest, certificateSigningRequests as requests } from '@kubeedge-ts/apis';
import { cloudcoreErrors, errorText } from '@kubeedge-ts/errors';
import { isForbidden, isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import { createServingCsr, derToPem, generateKey, keyToPem } from '@kubeedge-ts/pki';
import { type Clock, createBackoff, type Logger, type Random, rfc3339, sleep } from '@kubeedge-ts/runtime';

export interface ClusterCertificatePorts {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'update' | 'delete'>;
  /** Of this cloudcore; becomes `system:node:<name>` in the subject, which the signer insists on. */
  readonly hostName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const SIGNER = 'kubernetes.io/kubelet-serving';
/** Until a person has approved it, where cloudcore may not. */
const PATIENCE_MS = 300_000;
const POLL = { initialMs: 500, maxMs: 5_000 };

/**
 * A serving certificate of the cluster's CSR API, which API servers that verify kubelets believe. cloudcore approves its own
 * request when it may; else somebody has to.
 *
 * @throws KubeEdgeError CLOUDCORE_SERVING_CERTIFICATE; the signal's reason
 */
export async function requestServingCertificate(
  ports: ClusterCertificatePorts,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly cert: string; readonly key: string }> {
  const { kube, hostName, random } = ports;
  const key = generateKey();
  const csr = await createServingCsr({ nodeName: hostName, names }, key);
  const name = `kubeedge-cloudcore-${random.uuid()}`;
  try {
    const created = await kube.create<CertificateSigningRequest>(
      requests,
      {
        metadata: { name },
        spec: {
          request: Buffer.from(derToPem('CERTIFICATE REQUEST', csr)).toString('base64'),
          signerName: SIGNER,
          usages: ['digital signature', 'server auth'],
        },
      },
      { signal },
    );
    await approve(ports, created, signal);
    const cert = await issued(ports, name, signal);
    if (!new X509Certificate(cert).checkPrivateKey(key)) throw new Error('it is for another key');
    return { cert, key: keyToPem(key) };
  } catch (error) {
    signal.throwIfAborted();
    // what nobody waits for would only be in the way of whoever lists them
    await kube.delete(requests, { name }, { signal }).catch(() => undefined);
    throw cloudcoreErrors.create('CLOUDCORE_SERVING_CERTIFICATE', { problem: errorText(error) }, error);
  }
}

async function approve(
  { kube, clock, log }: ClusterCertificatePorts,
  request: CertificateSigningRequest,
  signal: AbortSignal,
): Promise<void> {
  const { name } = request.metadata;
  const approved = {
    type: 'Approved',
    status: 'True',
    reason: 'CloudCore',
    message: 'cloudcore serves the kubelet API of the edge nodes',
    lastUpdateTime: rfc3339(clock.now()),
  };
  const conditions = [...(request.status?.conditions ?? []), approved];
  try {
    const body = { ...request, status: { ...request.status, conditions } };
    await kube.update<CertificateSigningRequest>(requests, body, { subresource: 'approval', signal });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    log.warn(
      { request: name, command: `kubectl certificate approve ${name}` },
      'cloudcore may not approve its serving certificate, waiting for somebody who does',
    );
  }
}

/** PEM. */
async function issued(
  { kube, clock, random }: ClusterCertificatePorts,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const backoff = createBackoff(POLL, random);
  const deadline = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const request = await kube
      .get<CertificateSigningRequest>(requests, { name }, { signal })
      .catch((error: unknown) => {
        if (isNotFound(error)) throw new Error('the request was deleted');
        throw error;
      });
    const { certificate, conditions = [] } = request.status ?? {};
    const end = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (end !== undefined) throw new Error(`${end.type}: ${end.reason ?? ''} ${end.message ?? ''}`.trim());
    if (certificate) return Buffer.from(certificate, 'base64').toString('utf8');
    if (clock.monotonic() >= deadline) {
      const isApproved = conditions.some(({ type }) => type === 'Approved');
      throw new Error(isApproved ? `nothing signs for ${SIGNER}` : 'nobody has approved it');
    }
    await sleep(clock, backoff.next(), signal);
  }
}
