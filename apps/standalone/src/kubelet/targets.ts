import type { UnknownObject } from '@kubeedge-ts/apis';
import { badRequest, methodNotAllowed, notFound } from '../rest/api-error.ts';
import type { ApiContext, ApiRequest, ForwardResponse } from '../rest/api-request.ts';
import { requireStored } from '../rest/stored.ts';
import { textAt } from '../table/column.ts';
import { chooseContainer } from './container-choice.ts';
import type { Backend } from './forward.ts';
import { parseLogOptions } from './log-options.ts';
import { isProxyableAddress, kubeletEndpoint } from './node-endpoint.ts';
import { boolOf, portsOf } from './query-values.ts';

type TargetHandler = (context: ApiContext, request: ApiRequest) => Promise<ForwardResponse>;

/** Sub resources that are answered by a node, by `plural/subresource`. */
export const forwardHandlers: Readonly<Record<string, TargetHandler>> = {
  'pods/log': forwardLog,
  'pods/exec': (context, request) => forwardStream(context, request, 'exec'),
  'pods/attach': (context, request) => forwardStream(context, request, 'attach'),
  'pods/portforward': forwardPorts,
  'nodes/proxy': forwardProxy,
};

async function forwardLog(context: ApiContext, request: ApiRequest): Promise<ForwardResponse> {
  if (request.method !== 'GET') throw methodNotAllowed();
  const options = parseLogOptions(request.info.name, request.query);
  const pod = podOf(context, request);
  const { name, namespace } = pod.metadata;
  const container = chooseContainer(pod, options.container);
  const node = textAt(pod, 'spec', 'nodeName');
  if (node === '') return { forward: { kind: 'nothing' } };
  const path = `/containerLogs/${namespace}/${name}/${container}`;
  const backend: Backend = {
    ...kubeletEndpoint(nodeOf(context, request, node)),
    transport: options.insecureSkipVerify ? 'unverified' : 'kubelet',
    path: withQuery(path, options.query),
  };
  return { forward: { kind: 'log', backend, pod: name } };
}

async function forwardStream(
  context: ApiContext,
  request: ApiRequest,
  action: 'exec' | 'attach',
): Promise<ForwardResponse> {
  refuseDryRun(request);
  const pod = podOf(context, request);
  const container = chooseContainer(pod, request.query.get('container') ?? '');
  const asked = new URLSearchParams();
  if (action === 'exec') {
    for (const part of request.query.getAll('command')) asked.append('command', part);
  }
  if (boolOf(request.query, 'stderr')) asked.set('error', '1');
  if (boolOf(request.query, 'stdin')) asked.set('input', '1');
  if (boolOf(request.query, 'stdout')) asked.set('output', '1');
  if (boolOf(request.query, 'tty')) asked.set('tty', '1');
  const { name, namespace } = pod.metadata;
  const path = withQuery(`/${action}/${namespace}/${name}/${container}`, asked.toString());
  return { forward: { kind: 'stream', backend: { ...hostOf(context, request, pod), path } } };
}

async function forwardPorts(context: ApiContext, request: ApiRequest): Promise<ForwardResponse> {
  refuseDryRun(request);
  const ports = portsOf(request.query, 'ports');
  const pod = podOf(context, request);
  const asked = new URLSearchParams(ports.length > 0 ? { port: ports.join(',') } : {});
  const { name, namespace } = pod.metadata;
  const path = withQuery(`/portForward/${namespace}/${name}`, asked.toString());
  return { forward: { kind: 'stream', backend: { ...hostOf(context, request, pod), path } } };
}

async function forwardProxy(context: ApiContext, request: ApiRequest): Promise<ForwardResponse> {
  refuseDryRun(request);
  const { info, rawQuery } = request;
  // Whoever is asked next may resolve them, and then to another node's path than the one that was authorised.
  if (DOT_SEGMENT.test(info.subpath)) throw badRequest('the path has a segment "." or ".."');
  const { scheme, name, port } = splitNodeName(info.name);
  const kubelet = kubeletEndpoint(nodeOf(context, request, name));
  const isKubelet = port === undefined || port === kubelet.port;
  if (!isKubelet && !isProxyableAddress(kubelet.host)) throw badRequest('address not allowed');
  const isUpgrade = request.header('upgrade') !== undefined;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (info.subpath === '' && reads && !isUpgrade) {
    return { forward: { kind: 'redirect', location: withQuery(`${info.path}/`, rawQuery) } };
  }
  const backend: Backend = {
    host: kubelet.host,
    port: port ?? kubelet.port,
    transport: isKubelet ? 'kubelet' : scheme,
    path: withQuery(info.subpath || '/', rawQuery),
  };
  const prefix = info.path.slice(0, info.path.length - info.subpath.length);
  return { forward: { kind: 'proxy', backend, prefix, uri: info.path } };
}

const DOT_SEGMENT = /\/(\.|%2e){1,2}(\/|$)/i;

/** `name`, `name:port` or `scheme:name:port`. */
function splitNodeName(id: string): { scheme: 'http' | 'https'; name: string; port?: number } {
  const invalid = () => badRequest(`invalid node request ${JSON.stringify(id)}`);
  const parts = id.split(':');
  if (parts.length > 3) throw invalid();
  const scheme = parts.length === 3 ? parts.shift() : 'http';
  const [name = '', port] = parts;
  if (name === '' || (scheme !== 'http' && scheme !== 'https')) throw invalid();
  if (port === undefined || port === '') return { scheme, name };
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw invalid();
  return { scheme, name, port: Number(port) };
}

function podOf(context: ApiContext, { definition, info }: ApiRequest): UnknownObject {
  return requireStored(context.store, definition, info).object;
}

/** The answer names the resource of the request with the node's name, as an API server's does. */
function nodeOf(context: ApiContext, { definition }: ApiRequest, name: string): UnknownObject {
  const stored = context.store.get({ resource: 'nodes', namespace: '', name });
  if (stored === undefined) throw notFound(definition, name);
  return stored.object;
}

function hostOf(context: ApiContext, request: ApiRequest, pod: UnknownObject): Omit<Backend, 'path'> {
  const node = textAt(pod, 'spec', 'nodeName');
  if (node === '') throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return { ...kubeletEndpoint(nodeOf(context, request, node)), transport: 'kubelet' };
}

function refuseDryRun({ query }: ApiRequest): void {
  if (query.has('dryRun')) throw badRequest('dryRun is not supported');
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`;
}
