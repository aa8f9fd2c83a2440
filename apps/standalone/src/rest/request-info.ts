import type { Verb } from '../registry/types.ts';

/** What a request is about, as authorization and routing see it. */
export type RequestInfo = ResourceRequest | NonResourceRequest;

export interface ResourceRequest {
  readonly kind: 'resource';
  /** Empty for a method that has none: only a role for all verbs covers it. */
  readonly verb: Verb | '';
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Empty for cluster scope and for requests over all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource `proxy`, as it was sent: empty, or from its slash on. */
  readonly subpath: string;
  readonly path: string;
}

export interface NonResourceRequest {
  readonly kind: 'path';
  /** The HTTP method in lower case. */
  readonly verb: string;
  readonly path: string;
}

/** Subresources of namespaces; anything else below a namespace is a namespaced resource. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Splits a path of the form `/api/v1/…` or `/apis/group/version/…`. Segments are percent-decoded. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const plain: NonResourceRequest = { kind: 'path', verb: method.toLowerCase(), path };
  const segments = decoded(path);
  if (segments === undefined) return plain;
  const rest =
    segments[0] === 'api' ? segments.slice(2) : segments[0] === 'apis' ? segments.slice(3) : undefined;
  if (rest === undefined || rest.length === 0) return plain;
  const [group, version] =
    segments[0] === 'api' ? ['', segments[1] ?? ''] : [segments[1] ?? '', segments[2] ?? ''];

  let [namespace, tail] = ['', rest];
  if (rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    tail = rest.slice(2);
  } else if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1] ?? '';
  }
  const [plural = '', name = '', subresource = ''] = tail;
  const proxied = subresource === 'proxy';
  if ((tail.length > 3 && !proxied) || plural === '') return plain;
  // Only objects and collections are watched; a node's own parameters say nothing about the request to this server.
  const verb = verbOf(method, name !== '', subresource === '' ? query : NO_QUERY);
  if (verb === undefined && !(proxied && method === 'OPTIONS')) return plain;
  const before = segments.length - tail.length + 3;
  const subpath = proxied ? subpathOf(path, before) : '';
  return {
    kind: 'resource',
    verb: verb ?? '',
    group,
    version,
    plural,
    namespace,
    name,
    subresource,
    subpath,
    path,
  };
}

const NO_QUERY = new URLSearchParams();

/** The rest of a path after so many segments, undecoded. */
function subpathOf(path: string, segments: number): string {
  let at = path.search(/[^/]/);
  for (let count = 0; count < segments && at !== -1; count++) at = path.indexOf('/', at + 1);
  return at === -1 ? '' : path.slice(at);
}

function decoded(path: string): string[] | undefined {
  try {
    return path
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .map((segment) => decodeURIComponent(segment));
  } catch {
    // A broken percent escape names nothing.
    return undefined;
  }
}

function verbOf(method: string, named: boolean, query: URLSearchParams): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isTrue(query.get('watch'))) return 'watch';
      return named ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}

/** Query parameters of type bool: present and not false. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}
