import { certificateToPem, createAuthority, createNodeCsr, generateKey, keyToPem } from '@kubeedge-ts/pki';
import type { TlsMaterial } from '../types.ts';

export interface TestCredentials {
  readonly serverTls: TlsMaterial;
  readonly foreignTls: TlsMaterial;
  clientTls(nodeName: string): TlsMaterial;
  /** A client certificate that expired a day ago. */
  readonly expiredTls: TlsMaterial;
}

const DAY_MS = 86_400_000;

/** A CA for one test run, with a server on loopback and nodes `edge-a`, `edge-b` and `edge-0` … `edge-{count-1}`. */
export async function createCredentials(count = 200, now = Date.now()): Promise<TestCredentials> {
  const [ca, foreign] = await Promise.all([createAuthority(now), createAuthority(now)]);
  const loopback = { addresses: ['127.0.0.1', '::1'], dnsNames: ['localhost'], now };
  const client = async (nodeName: string, at = now): Promise<TlsMaterial> => {
    const key = generateKey();
    const csr = await createNodeCsr(nodeName, key);
    const cert = await ca.signNode({ csr, nodeName, lifetimeDays: 1, now: at });
    return { ca: ca.certPem, cert: certificateToPem(cert), key: keyToPem(key) };
  };
  const names = ['edge-a', 'edge-b', ...Array.from({ length: count }, (_, i) => `edge-${i}`)];
  const clients = new Map<string, TlsMaterial>();
  for (const name of names) clients.set(name, await client(name));
  const server = await ca.issueServer(loopback);
  const other = await foreign.issueServer(loopback);
  return {
    serverTls: { ca: ca.certPem, cert: server.certPem, key: server.keyPem },
    foreignTls: { ca: foreign.certPem, cert: other.certPem, key: other.keyPem },
    expiredTls: await client('edge-0', now - 2 * DAY_MS),
    clientTls: (nodeName) => {
      const found = clients.get(nodeName);
      if (found === undefined) throw new TypeError(`no test credentials for ${nodeName}`);
      return found;
    },
  };
}
