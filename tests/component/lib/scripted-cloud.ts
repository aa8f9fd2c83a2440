import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { decodeMessage, encodeMessage, type Message, parseResource, responseTo } from '@kubeedge-ts/apis';
import { applyStrategicMerge } from '@kubeedge-ts/kube/testing';
import { type CertificateAuthority, createAuthority, mintToken } from '@kubeedge-ts/pki';
import { rfc3339, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { admitNode, type Connection, createWebSocketTransport } from '@kubeedge-ts/viaduct';
import { fromCloud, fromEdge, isAck, isAnswer, NODE, recorded, title } from './recorded.ts';

/** An upstream cloud for one edge: it answers as the recorded one answered and pushes what it is told. */
export interface ScriptedCloud {
  readonly hubUrl: string;
  readonly httpsUrl: string;
  readonly token: string;
  /** What the edge has sent, in order, and what it got. */
  readonly exchanged: readonly { readonly from: 'edge' | 'cloud'; readonly message: Message }[];
  /** The present state of an object, by `{namespace}/{type}/{name}`. */
  object(resource: string): LiveObject | undefined;
  connected(): boolean;
  /** Sends a recorded message and waits for its ack where the recorded edge gave one. */
  push(message: Message): Promise<void>;
  /** Ends the connection, as a cloud that restarts. */
  hangUp(): void;
  close(): Promise<void>;
}

export interface LiveObject {
  readonly metadata: { readonly uid: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

type Json = Record<string, unknown>;

const TOKEN_HOURS = 1;
const origin = { now: systemClock.now, uuid: systemRandom.uuid };
const later = (hours: number): number => systemClock.now() + hours * 3_600_000;

export async function startScriptedCloud(): Promise<ScriptedCloud> {
  const authority = await createAuthority(systemClock.now());
  const pair = await authority.issueServer({
    addresses: ['127.0.0.1'],
    dnsNames: [],
    now: systemClock.now(),
  });
  const tls = { ca: authority.certPem, cert: pair.certPem, key: pair.keyPem };
  const https = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      void serveCertificates(authority, request, response);
    },
  );
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));

  const exchanged: { from: 'edge' | 'cloud'; message: Message }[] = [];
  const objects = recordedObjects();
  let link: Connection | undefined;
  let version = 1000;

  const send = async (message: Message): Promise<void> => {
    exchanged.push({ from: 'cloud', message });
    await link?.send(encodeMessage(message));
  };
  const versioned = (object: Json): Json => {
    version += 1;
    return { ...object, metadata: { ...(object['metadata'] as Json), resourceVersion: String(version) } };
  };
  const update = (source: string, resource: string, content: Json): Message => ({
    header: { msg_id: origin.uuid(), timestamp: origin.now(), resourceversion: String(version) },
    route: { source, group: 'resource', operation: 'update', resource },
    content,
  });

  const patched = async (request: Message): Promise<void> => {
    const { namespace, type, name } = parseResource(request.route.resource ?? '');
    const resource = `${namespace}/${type.replace('patch', '')}/${name}`;
    const merged = applyStrategicMerge(objects.get(resource), JSON.parse(String(request.content))) as Json;
    const object = versioned(merged);
    objects.set(resource, object);
    const content = { Object: written(object), Err: null };
    const answer = responseTo(origin, request, content, { resourceVersion: String(version) });
    await send({ ...answer, route: recordedAnswer(request).route });
    await send(update('edgecontroller', resource, object));
  };

  const answer = async (request: Message): Promise<void> => {
    const { operation, resource = '' } = request.route;
    const { type } = parseResource(resource);
    if (isAnswer(request)) return;
    if (type === 'podpatch' || type === 'nodepatch') return patched(request);
    const same = sameRequest(request);
    // Events, for one, are answered by no upstream cloud.
    if (same === undefined || !fromCloud.some(({ header }) => header.parent_msg_id === same.header.msg_id))
      return;
    const known = structuredClone(recordedAnswer(request));
    if (type === 'node' && operation === 'insert') {
      // It is refused as it exists already, with the machine that the edge is.
      const { status } = request.content as Json;
      objects.set(resource, versioned({ ...objects.get(resource), status }));
    }
    if (type === 'lease') {
      if (operation === 'update') objects.set(resource, written(versioned(request.content as Json)));
      (known.content as Json)['Object'] = objects.get(resource);
    } else if (type === 'serviceaccounttoken') {
      const { spec } = request.content as { spec: { boundObjectRef: Json } };
      const content = known.content as { spec: Json; status: Json };
      Object.assign(content.spec, { boundObjectRef: spec.boundObjectRef });
      content.status = {
        token: freshJwt(),
        expirationTimestamp: rfc3339(later(TOKEN_HOURS)),
      };
    }
    const header = { ...known.header, msg_id: origin.uuid(), parent_msg_id: request.header.msg_id };
    await send({ ...known, header });
  };

  const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
  const hub = await transport.listen(
    { address: '127.0.0.1', port: 0, tls, maxFrameBytes: 8 * 1024 * 1024 },
    admitNode(),
    (connection) => {
      link = connection;
      void connection.closed.then(() => {
        if (link === connection) link = undefined;
      });
      connection.start(async (text) => {
        const message = decodeMessage(text);
        exchanged.push({ from: 'edge', message });
        await answer(message);
      });
    },
  );

  return {
    hubUrl: `127.0.0.1:${hub.port}`,
    httpsUrl: `https://127.0.0.1:${(https.address() as AddressInfo).port}`,
    token: mintToken({ caDer: authority.certDer, keyDer: authority.keyDer }, { expiresAt: later(24) }),
    exchanged,
    object: (resource) => objects.get(resource) as LiveObject | undefined,
    connected: () => link !== undefined,
    async push(message) {
      const { operation, resource = '', group } = message.route;
      const { type } = parseResource(resource);
      let { content, header } = message;
      if (group === 'resource' && operation !== 'delete') {
        content = versioned(
          type === 'node' ? ofThisMachine(content as Json, objects.get(resource)) : localised(content),
        );
        header = { ...header, resourceversion: String(version) };
        objects.set(resource, content as Json);
      } else if (operation === 'delete') objects.delete(resource);
      await send({ ...message, header, content });
      const isOurs = ({ header: sent }: Message): boolean => sent.parent_msg_id === header.msg_id;
      if (!fromEdge.some(isOurs)) return;
      await until(
        `the ack of ${title(message)}`,
        () => exchanged.some((one) => one.from === 'edge' && isOurs(one.message) && isAck(one.message)),
        { timeoutMs: 10_000, everyMs: 5 },
      );
    },
    hangUp: () => link?.close(),
    async close() {
      await hub.close();
      https.closeAllConnections();
      await new Promise((resolve) => https.close(resolve));
    },
  };
}

/** The API server prints what was written without its kind, and what is read with it. */
function written({ kind: _kind, apiVersion: _apiVersion, ...bare }: Json): Json {
  return bare;
}

/** With the address our edge has. */
function localised(content: unknown): Json {
  return JSON.parse(JSON.stringify(content).replaceAll('192.0.2.10', '127.0.0.1')) as Json;
}

/** The recorded Node, but with what our edge has reported of its machine. */
function ofThisMachine(node: Json, live: Json | undefined): Json {
  const { conditions: _conditions, ...machine } = (live?.['status'] ?? {}) as Json;
  return { ...node, status: { ...(node['status'] as Json), ...machine } };
}

/** The recorded request that had this route. */
function sameRequest(request: Message): Message | undefined {
  return fromEdge.find((message) => title(message) === title(request) && !isAnswer(message));
}

function recordedAnswer(request: Message): Message {
  const asked = sameRequest(request);
  const found = fromCloud.find(({ header }) => header.parent_msg_id === asked?.header.msg_id);
  if (found === undefined) throw new Error(`the recorded cloud was never asked to ${title(request)}`);
  return found;
}

/** What lies in the API server before the edge comes. */
function recordedObjects(): Map<string, Json> {
  const lease = `kube-node-lease/lease/${NODE}`;
  const node = `null/node/${NODE}`;
  const { Object: known } = recorded(`response ${lease}`).content as { Object: Json };
  return new Map([
    [lease, known],
    [node, recorded(`update ${node}`).content as Json],
  ]);
}

function freshJwt(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ exp: Math.floor(later(TOKEN_HOURS) / 1000) })}.c2lnbmF0dXJl`;
}

/** `/ca.crt` and `/edge.crt` as upstream serves them (spec/certificates-and-ports.md §2). */
async function serveCertificates(
  authority: CertificateAuthority,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url === '/ca.crt') {
    response.end(authority.certDer);
  } else if (request.url === '/edge.crt' && request.headers.authorization?.startsWith('Bearer ')) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const csr = Buffer.concat(chunks);
    response.end(
      await authority.signNode({ csr, nodeName: NODE, lifetimeDays: 365, now: systemClock.now() }),
    );
  } else response.writeHead(401).end();
}
