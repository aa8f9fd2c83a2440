import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { Edged } from '../../../apps/edgecore/src/edged/index.ts';

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** As much of an API server as kubectl needs to reach one kubelet: what it proxies goes to edged in this process. */
export interface KubectlGate {
  readonly port: number;
  /** Subprotocols and upgrades that kubectl has asked for, in order. */
  readonly upgrades: readonly string[];
  run(argv: readonly string[], stdin?: string): Promise<Run>;
  /** A kubectl that goes on until the test ends it. */
  start(...argv: string[]): ReturnType<typeof spawn>;
  close(): Promise<void>;
}

const STREAMS: Readonly<Record<string, string>> = {
  exec: 'exec',
  attach: 'attach',
  portforward: 'portForward',
};

export async function startKubectlGate(edged: () => Edged, pods: () => readonly Pod[]): Promise<KubectlGate> {
  const dir = await mkdtemp(join(tmpdir(), 'kets-kubectl-'));
  const upgrades: string[] = [];
  const server = createServer((request, response) => {
    const target = rewrite(request);
    if (target !== undefined) {
      request.url = target;
      edged().kubelet.handle(request, response, 'cloud');
      return;
    }
    const found = answer(request.url ?? '/', pods());
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(found ?? { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }),
    );
  });
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    upgrades.push(`${request.headers.upgrade} ${request.headers['sec-websocket-protocol'] ?? ''}`.trim());
    request.url = rewrite(request) ?? '/';
    edged().kubelet.upgrade(request, socket, head, 'cloud');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(dir, 'config');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: 'c', context: { cluster: 'c', namespace: 'default' } }],
      'current-context': 'c',
    }),
  );
  const options = { env: { ...process.env, KUBECONFIG: kubeconfig, HOME: dir } };
  return {
    port,
    upgrades,
    run: (argv, stdin) =>
      new Promise((resolve) => {
        const child = execFile('kubectl', argv, { ...options, timeout: 20_000 }, (error, stdout, stderr) => {
          resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code ?? -1) });
        });
        child.stdin?.end(stdin ?? '');
      }),
    start: (...argv) => spawn('kubectl', argv, options),
    async close() {
      server.close();
      server.closeAllConnections();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The kubelet's path for a subresource of a pod, as an API server asks for it. */
function rewrite({ url = '' }: IncomingMessage): string | undefined {
  const { pathname, searchParams } = new URL(url, 'http://gate');
  const [, namespace, pod, part] =
    /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/(log|exec|attach|portforward)$/.exec(pathname) ?? [];
  if (part === undefined) return undefined;
  const container = searchParams.get('container') || 'main';
  searchParams.delete('container');
  if (part === 'log') return `/containerLogs/${namespace}/${pod}/${container}?${searchParams}`;
  const query = new URLSearchParams(searchParams.getAll('command').map((word) => ['command', word]));
  for (const [theirs, ours] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const) {
    if (searchParams.get(theirs) === 'true') query.set(ours, '1');
  }
  if (part === 'portforward') return `/portForward/${namespace}/${pod}?${searchParams}`;
  return `/${STREAMS[part]}/${namespace}/${pod}/${container}?${query}`;
}

function answer(url: string, pods: readonly Pod[]): object | undefined {
  const { pathname } = new URL(url, 'http://gate');
  if (pathname === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (pathname === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: [] };
  if (pathname === '/api/v1') {
    const pod = {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['get', 'list'],
      shortNames: ['po'],
    };
    return { kind: 'APIResourceList', groupVersion: 'v1', resources: [pod] };
  }
  const [, name] = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)$/.exec(pathname) ?? [];
  const pod = pods.find(({ metadata }) => metadata.name === name);
  return pod === undefined ? undefined : { ...pod, apiVersion: 'v1', kind: 'Pod' };
}
