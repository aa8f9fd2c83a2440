import { createRouteMatcher, type RouteMatch } from '@kubeedge-ts/runtime/route-table';
import type { ConnectType } from '@kubeedge-ts/tunnel';

/** What the caller must be allowed to do with the node: `nodes/<subresource>`, one of them is enough. */
export type Subresource = 'proxy' | 'stats' | 'metrics' | 'checkpoint' | 'pods' | 'healthz' | 'configz';

/** One route of the kubelet API as cloudcore serves it. What is not in the table does not exist (DESIGN §11). */
export interface KubeletRoute {
  readonly methods: readonly string[];
  /** Segments that begin with a colon are parameters. */
  readonly path: string;
  /** Nobody gets anywhere without being authenticated by the cluster and allowed one of `subresources` by it. */
  readonly identity: 'authorized';
  readonly subresources: readonly Subresource[];
  readonly why: string;
  /** The request asks for another protocol, and the connection then belongs to it. */
  readonly upgrade: boolean;
  /** How upstream's tunnel carries it; undefined: it has no word for it. */
  readonly frames: ConnectType | undefined;
}

const READ = ['GET', 'HEAD'];
const STREAM = ['GET', 'POST'];

type Options = Partial<Pick<KubeletRoute, 'methods' | 'subresources' | 'upgrade' | 'frames'>>;
const routes = (why: string, paths: readonly string[], options: Options = {}): KubeletRoute[] =>
  paths.map((path) => ({
    methods: options.methods ?? READ,
    path,
    identity: 'authorized',
    subresources: options.subresources ?? ['proxy'],
    why,
    upgrade: options.upgrade ?? false,
    frames: options.frames,
  }));

const COMMAND = 'runs commands in containers';
const FIGURES = 'figures of the node and its pods';

/** The kubelet API (spec/edged.md §15), with who may call what as a kubelet decides it. */
export const ROUTES: readonly KubeletRoute[] = [
  ...routes('logs may hold secrets', ['/containerLogs/:namespace/:pod/:container'], {
    methods: ['GET'],
    frames: 'logs',
  }),
  ...routes(COMMAND, ['/exec/:namespace/:pod/:container', '/exec/:namespace/:pod/:uid/:container'], {
    methods: STREAM,
    upgrade: true,
    frames: 'exec',
  }),
  ...routes(
    'reads and writes what the process of a container says',
    ['/attach/:namespace/:pod/:container', '/attach/:namespace/:pod/:uid/:container'],
    { methods: STREAM, upgrade: true, frames: 'attach' },
  ),
  ...routes(
    'reaches ports that pods keep to themselves',
    ['/portForward/:namespace/:pod', '/portForward/:namespace/:pod/:uid'],
    { methods: STREAM, upgrade: true },
  ),
  ...routes(COMMAND, ['/run/:namespace/:pod/:container', '/run/:namespace/:pod/:uid/:container'], {
    methods: ['POST'],
  }),
  ...routes('writes the memory of a container to a file', ['/checkpoint/:namespace/:pod/:container'], {
    methods: ['POST'],
    subresources: ['checkpoint'],
  }),
  // all but the summary are of old kubelets, which upstream's edges still ask theirs for (spec/cloudstream-edgestream.md §3)
  ...routes(
    FIGURES,
    [
      '/stats',
      '/stats/summary',
      '/stats/container',
      '/stats/:pod/:container',
      '/stats/:namespace/:pod/:uid/:container',
    ],
    { subresources: ['stats'], frames: 'metrics' },
  ),
  ...routes(FIGURES, ['/metrics', '/metrics/cadvisor', '/metrics/probes', '/metrics/resource'], {
    subresources: ['metrics'],
    frames: 'metrics',
  }),
  ...routes('the pods of the node with their environment', ['/pods', '/runningpods'], {
    subresources: ['pods', 'proxy'],
  }),
  ...routes('whether the kubelet works', ['/healthz'], {
    subresources: ['healthz', 'proxy'],
    frames: 'metrics',
  }),
  ...routes('whether the kubelet works', ['/healthz/:check'], { subresources: ['healthz', 'proxy'] }),
  ...routes('settings of the kubelet', ['/configz'], { subresources: ['configz', 'proxy'] }),
];

export type Match = RouteMatch<KubeletRoute>;

export const matchRoute = createRouteMatcher(ROUTES);

/**
 * Path and query of a request target as it is routed here and passed on: dots and double slashes are resolved before the
 * route is looked up, so that the node cannot read another path than the one that was allowed.
 */
export function normalTarget(
  url: string,
): { readonly pathname: string; readonly target: string } | undefined {
  const parsed = URL.parse(url, 'http://kubelet');
  if (parsed === null) return undefined;
  return { pathname: parsed.pathname, target: `${parsed.pathname}${parsed.search}` };
}
