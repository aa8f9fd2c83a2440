import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificateToPem, createAuthority, createNodeCsr, generateKey, keyToPem } from '@kubeedge-ts/pki';
import { deferred, systemClock } from '@kubeedge-ts/runtime';
import { createKubeClient } from '../client.ts';
import { type Authenticator, type ClusterConfig, fixedCredentials } from '../cluster-config.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly clientName: string | undefined;
}

type Answer = (response: ServerResponse, request: SeenRequest) => void;

/** An https server on loopback that answers as told and remembers what it was asked. */
export async function createScriptedServer() {
  const now = systemClock.now();
  const authority = await createAuthority(now);
  const server = await authority.issueServer({ addresses: ['127.0.0.1'], dnsNames: ['kubernetes'], now });
  const seen: SeenRequest[] = [];
  let answer: Answer = (response) => void response.writeHead(404).end();
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const subject = (request.socket as TLSSocket).getPeerCertificate().subject as
        | { CN?: string }
        | undefined;
      const entry = {
        method: String(request.method),
        url: String(request.url),
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        body: Buffer.concat(chunks).toString(),
        clientName: subject?.CN,
      };
      seen.push(entry);
      answer(response, entry);
    });
  };
  const http = https.createServer(
    {
      cert: server.certPem,
      key: server.keyPem,
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    listener,
  );
  const listening = deferred();
  http.listen(0, '127.0.0.1', () => listening.resolve());
  await listening.promise;
  const { port } = http.address() as AddressInfo;
  const config = (authenticator: Authenticator = fixedCredentials({})): ClusterConfig => ({
    server: new URL(`https://127.0.0.1:${port}`),
    ca: authority.certPem,
    namespace: 'default',
    authenticator,
  });

  return {
    port,
    seen,
    caPem: authority.certPem,
    config,
    client: (authenticator?: Authenticator) =>
      createKubeClient(config(authenticator), { clock: systemClock, userAgent: 'test/1' }),
    /** Every request from now on. */
    answer(next: Answer) {
      answer = next;
    },
    /** Answers the requests one by one with these. */
    answers(...list: Answer[]) {
      answer = (response, request) =>
        (list.length > 1 ? (list.shift() as Answer) : (list[0] as Answer))(response, request);
    },
    async clientCertificate(name: string) {
      const key = generateKey();
      const csr = await createNodeCsr(name, key);
      const der = await authority.signNode({ csr, nodeName: name, lifetimeDays: 1, now });
      return { cert: certificateToPem(der), key: keyToPem(key) };
    },
    /** As a restart does. */
    dropConnections: () => http.closeAllConnections(),
    async close() {
      const closed = deferred();
      http.close(() => closed.resolve());
      http.closeAllConnections();
      await closed.promise;
    },
  };
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
