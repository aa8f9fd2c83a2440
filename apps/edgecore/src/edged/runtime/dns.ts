import type { Pod } from '@kubeedge-ts/apis';
import type { DNSConfig, Init } from '@kubeedge-ts/cri';

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

/** The pod's resolver configuration (spec/edged.md §5). */
export function dnsConfigOf(pod: Pod, context: DnsContext): Init<DNSConfig> {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod.spec ?? {};
  const base = basis(pod, context, dnsPolicy, hostNetwork === true);
  const options = new Map(base.options.map((option) => [nameOf(option), option]));
  for (const { name, value } of dnsConfig?.options ?? []) {
    if (name !== undefined) options.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return {
    servers: unique([...base.servers, ...(dnsConfig?.nameservers ?? [])]).slice(0, MAX_SERVERS),
    searches: limitSearches(unique([...base.searches, ...(dnsConfig?.searches ?? [])])),
    options: [...options.values()],
  };
}

function basis(pod: Pod, context: DnsContext, policy: string, hostNetwork: boolean): ResolvConf {
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const clusterFirst = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !hostNetwork);
  if (!clusterFirst || context.clusterDNS.length === 0) return context.host;
  const domain = context.clusterDomain;
  const own = domain === '' ? [] : [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: context.clusterDNS,
    searches: [...own, ...context.host.searches],
    options: ['ndots:5'],
  };
}

/** An empty path in the configuration means: ask the machine itself. */
export const NO_RESOLV_CONF: ResolvConf = { servers: ['127.0.0.1'], searches: ['.'], options: [] };

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === 'search' || keyword === 'domain') searches = values;
    else if (keyword === 'options') options = values;
  }
  return { servers, searches, options };
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
