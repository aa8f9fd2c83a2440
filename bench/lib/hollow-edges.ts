// A process that holds hollow edges: enrolled, connected with mutual TLS, every object committed before it is acked.
// Started by bench/hollow-edges.ts with the parameters as JSON in the first argument; reports on standard output.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  CAPABILITIES_HEADER,
  decodeMessage,
  encodeMessage,
  type Message,
  newMessage,
  OK,
  responseTo,
} from '@kubeedge-ts/apis';
import { enrol } from '@kubeedge-ts/pki';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { createWebSocketTransport, DEFAULT_PROJECT_ID } from '@kubeedge-ts/viaduct';

export interface HollowParameters {
  readonly names: readonly string[];
  readonly hubUrl: string;
  readonly httpsUrl: string;
  readonly token: string;
  readonly dir: string;
  /** What the edges claim to have of ours (`x-kubeedge-ts-capabilities`); default: nothing, as upstream's. */
  readonly capabilities?: string;
  /** So many Services, all at one port, are announced as `services-<port>-<node>` once the edge has committed the last. */
  readonly services?: number;
}

const parameters = JSON.parse(process.argv[2] ?? '{}') as HollowParameters;
const origin = { now: systemClock.now, uuid: systemRandom.uuid };
const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
mkdirSync(parameters.dir, { recursive: true });

for (const name of parameters.names) await joinCloud(name);
process.stdout.write(`${JSON.stringify({ ready: parameters.names.length })}\n`);

async function joinCloud(nodeName: string): Promise<void> {
  const { hubUrl, httpsUrl, token, dir } = parameters;
  const { caPem, certPem, keyPem } = await enrol({ httpServer: httpsUrl, token, nodeName });
  const db = new DatabaseSync(join(dir, `${nodeName}.db`));
  db.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE meta (key TEXT PRIMARY KEY, type TEXT, value TEXT)',
  );
  const put = db.prepare('INSERT OR REPLACE INTO meta (key, type, value) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM meta WHERE key = ?');
  const connection = await transport.dial({
    url: `wss://${hubUrl}/${DEFAULT_PROJECT_ID}/${nodeName}/events`,
    tls: { ca: caPem, cert: certPem, key: keyPem },
    nodeName,
    projectId: DEFAULT_PROJECT_ID,
    ...(parameters.capabilities === undefined
      ? {}
      : { headers: { [CAPABILITIES_HEADER]: parameters.capabilities } }),
    maxFrameBytes: 33_554_432,
    handshakeTimeoutMs: 30_000,
  });
  connection.closed.then(({ code, reason }) =>
    process.stderr.write(`${nodeName} closed: ${code} ${reason}\n`),
  );
  const ports = new Map<string, number>();
  /** How many Services are at each port. */
  const atPort = new Map<number, number>();
  const noteService = (resource: string, content: unknown): void => {
    const port = (content as { spec?: { ports?: { port: number }[] } }).spec?.ports?.[0]?.port ?? 0;
    const before = ports.get(resource);
    if (before !== undefined) atPort.set(before, (atPort.get(before) ?? 0) - 1);
    ports.set(resource, port);
    const count = (atPort.get(port) ?? 0) + 1;
    atPort.set(port, count);
    if (count === parameters.services) tell(`services-${port}-${nodeName}`);
  };
  connection.start(async (text) => {
    const message = decodeMessage(text);
    const { operation = '', resource = '' } = message.route;
    if (operation === 'delete') remove.run(resource);
    else if (operation === 'insert' || operation === 'update')
      put.run(resource, '', JSON.stringify(message.content));
    else if (message.content === OK) return;
    await connection.send(encodeMessage(responseTo(origin, message, OK)));
    announce(message);
    if (resource.includes('/service/')) noteService(resource, message.content);
  });
  const send = (operation: string, resource: string, content: unknown, source = 'edged', group = 'meta') =>
    connection.send(encodeMessage(newMessage(origin, { source, group, operation, resource, content })));
  await send('keepalive', 'node', 'ping', 'websocket', 'resource');
  setInterval(() => void send('keepalive', 'node', 'ping', 'websocket', 'resource'), 15_000);
  await send('insert', `null/node/${nodeName}`, {
    metadata: {
      name: nodeName,
      labels: { 'node-role.kubernetes.io/edge': '', 'node-role.kubernetes.io/agent': '' },
    },
    spec: {},
    status: {
      capacity: { cpu: '4', memory: '4Gi', pods: '110' },
      allocatable: { cpu: '4', memory: '4Gi', pods: '110' },
    },
  });
}

/** The marker of a benchmark update, with the time of its commit (a clock all processes share). */
function announce(message: Message): void {
  const metadata = (message.content as { metadata?: { annotations?: Record<string, string> } } | null)
    ?.metadata;
  const marker = metadata?.annotations?.['bench'];
  if (marker !== undefined) tell(marker);
}

function tell(marker: string): void {
  process.stdout.write(`${JSON.stringify({ marker, at: Number(process.hrtime.bigint() / 1000n) })}\n`);
}
