import { createRouteMatcher } from '@kubeedge-ts/runtime/route-table';

/** Who asks: any process of this machine, or the cloud, whose identity the tunnel has established. */
export type Caller = 'loopback' | 'cloud';

/** `none`: open to anyone on loopback; `cloud`: only for the cloud, through the tunnel (DESIGN §11). */
export type Identity = 'none' | 'cloud';

export type AnswerName =
  | 'health'
  | 'pods'
  | 'runningPods'
  | 'containerLogs'
  | 'run'
  | 'checkpoint'
  | 'configz'
  | 'statsSummary'
  | 'metrics'
  | 'metricsResource'
  | 'metricsCadvisor'
  | 'metricsProbes';

/** Answered by an upgrade of the connection, which then belongs to the runtime. */
export type StreamName = 'exec' | 'attach' | 'portForward';

export interface Route {
  readonly methods: readonly string[];
  /** Segments that begin with a colon are parameters. */
  readonly path: string;
  readonly name: AnswerName | StreamName;
  readonly identity: Identity;
  readonly why: string;
  /** Upstream calls it a debugging handler: `enableDebuggingHandlers` decides over it. */
  readonly debugging: boolean;
}

const READ = ['GET', 'HEAD'];
const STREAM = ['GET', 'POST'];

const open = (path: string, name: AnswerName, why: string, debugging = false): Route => ({
  methods: READ,
  path,
  name,
  identity: 'none',
  why,
  debugging,
});
const cloud = (
  methods: readonly string[],
  name: AnswerName | StreamName,
  why: string,
  paths: readonly string[],
): Route[] => paths.map((path) => ({ methods, path, name, identity: 'cloud', why, debugging: true }));

const HEALTH = 'whether the node works is no secret; service managers ask';
const FIGURES = 'figures for monitoring on the node, as every kubelet on loopback gives them';
const COMMAND = 'runs commands in containers';

/** Every route of the kubelet endpoint with who may call it; what is not in here does not exist. */
export const ROUTES: readonly Route[] = [
  open('/healthz', 'health', HEALTH),
  open('/healthz/:check', 'health', HEALTH),
  open('/pods', 'pods', 'agents on the node look up their own pod'),
  open('/runningpods', 'runningPods', 'agents on the node look up their own pod', true),
  open('/configz', 'configz', 'settings without secrets', true),
  open('/stats/summary', 'statsSummary', FIGURES),
  open('/metrics', 'metrics', FIGURES),
  open('/metrics/resource', 'metricsResource', FIGURES),
  open('/metrics/cadvisor', 'metricsCadvisor', FIGURES),
  open('/metrics/probes', 'metricsProbes', FIGURES),
  ...cloud(['GET'], 'containerLogs', 'logs may hold secrets', ['/containerLogs/:namespace/:pod/:container']),
  ...cloud(STREAM, 'exec', COMMAND, [
    '/exec/:namespace/:pod/:container',
    '/exec/:namespace/:pod/:uid/:container',
  ]),
  ...cloud(STREAM, 'attach', 'reads and writes what a container’s process says', [
    '/attach/:namespace/:pod/:container',
    '/attach/:namespace/:pod/:uid/:container',
  ]),
  ...cloud(STREAM, 'portForward', 'reaches ports that pods keep to themselves', [
    '/portForward/:namespace/:pod',
    '/portForward/:namespace/:pod/:uid',
  ]),
  ...cloud(['POST'], 'run', COMMAND, [
    '/run/:namespace/:pod/:container',
    '/run/:namespace/:pod/:uid/:container',
  ]),
  ...cloud(['POST'], 'checkpoint', 'writes the memory of a container to a file', [
    '/checkpoint/:namespace/:pod/:container',
  ]),
];

export const matchRoute = createRouteMatcher(ROUTES);

export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly status: number; readonly why: string };

/**
 * Whether the caller may use the route. `debuggingHandlers` is the user's own word: true opens on loopback what
 * upstream has open there, false closes it for everyone, as upstream's does.
 */
export function admitCaller(route: Route, caller: Caller, debuggingHandlers: boolean | undefined): Verdict {
  if (route.debugging && debuggingHandlers === false)
    return { ok: false, status: 405, why: 'Debug endpoints are disabled.' };
  if (route.identity === 'none' || caller === 'cloud' || debuggingHandlers === true) return { ok: true };
  return {
    ok: false,
    status: 403,
    why: `${route.name} is served to the cloud only; enableDebuggingHandlers: true in the kubelet section of edgecore's configuration opens it to every process of this machine`,
  };
}
