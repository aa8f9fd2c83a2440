import type { Pod } from '@kubeedge-ts/apis';
import type { DNSConfig, Init } from '@kubeedge-ts/cri';
import { podText } from './labels.ts';

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface DnsContext {
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  /** The host's, already parsed. */
  readonly host: ResolvConf;
}

const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;
const MAX_ONE_SEARCH = 255;

export interface PodDns {
  readonly config: Init<DNSConfig>;
  /** What of the pod's wishes could not be met: events of the pod. */
  readonly problems: readonly DnsProblem[];
}

export interface DnsProblem {
  readonly reason: 'MissingClusterDNS' | 'DNSConfigForming';
  readonly message: string;
}

/** The pod's resolver configuration (spec/edged.md §5). */
export function podDnsOf(pod: Pod, context: DnsContext): PodDns {
  const { dnsConfig } = pod.spec ?? {};
  const clusterFirst = isClusterFirst(pod);
  const base = basis(pod, context, clusterFirst);
  const options = new Map(base.options.map((option) => [nameOf(option), option]));
  for (const { name, value } of dnsConfig?.options ?? []) {
    if (name !== undefined) options.set(name, value ? `${name}:${value}` : name);
  }
  const servers = unique([...base.servers, ...(dnsConfig?.nameservers ?? [])]);
  const searches = unique([...base.searches, ...(dnsConfig?.searches ?? [])]);
  const config = {
    servers: servers.slice(0, MAX_SERVERS),
    searches: limitSearches(searches),
    options: [...options.values()],
  };
  return {
    config,
    problems: [
      ...(clusterFirst && context.clusterDNS.length === 0 ? [missing(pod)] : []),
      ...(servers.length > config.servers.length
        ? [tooMany('Nameserver', 'nameservers', 'nameserver', config.servers)]
        : []),
      ...(searches.length > config.searches.length
        ? [tooMany('Search Line', 'search paths', 'search', config.searches)]
        : []),
    ],
  };
}

function isClusterFirst({ spec }: Pod): boolean {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = spec ?? {};
  if (dnsPolicy === 'ClusterFirst') return hostNetwork !== true;
  // The kubelet takes a policy that nobody defines for the cluster's.
  return dnsPolicy !== 'None' && dnsPolicy !== 'Default';
}

function basis(pod: Pod, context: DnsContext, clusterFirst: boolean): ResolvConf {
  if (pod.spec?.dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  if (!clusterFirst || context.clusterDNS.length === 0) return context.host;
  const domain = context.clusterDomain;
  const own = domain === '' ? [] : [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: context.clusterDNS,
    searches: [...own, ...context.host.searches],
    options: ['ndots:5'],
  };
}

function missing(pod: Pod): DnsProblem {
  const message = `pod: "${podText(pod)}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`;
  return { reason: 'MissingClusterDNS', message };
}

function tooMany(what: string, many: string, line: string, applied: readonly string[]): DnsProblem {
  const message = `${what} limits were exceeded, some ${many} have been omitted, the applied ${line} line is: ${applied.join(' ')}`;
  return { reason: 'DNSConfigForming', message };
}

/** An empty path in the configuration means: ask the machine itself. */
export const NO_RESOLV_CONF: ResolvConf = { servers: ['127.0.0.1'], searches: ['.'], options: [] };

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === 'search' || keyword === 'domain')
      searches = values.filter((domain) => domain !== '.').map((domain) => domain.replace(/\.$/, ''));
    else if (keyword === 'options') for (const option of values) options.set(nameOf(option), option);
  }
  return { servers, searches, options: [...options.values()] };
}

function limitSearches(searches: readonly string[]): string[] {
  const kept: string[] = [];
  let chars = 0;
  for (const search of searches) {
    if (search.length > MAX_ONE_SEARCH) continue;
    chars += search.length + 1;
    if (kept.length === MAX_SEARCHES || chars - 1 > MAX_SEARCH_CHARS) break;
    kept.push(search);
  }
  return kept;
}

function nameOf(option: string): string {
  return option.split(':')[0] ?? option;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
