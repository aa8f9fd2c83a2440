import type { Container } from '@kubeedge-ts/apis';
import { goQuoted } from './go-text.ts';

/** What an `httpGet` of the API asks for. */
export interface HttpTarget {
  readonly secure: boolean;
  /** Empty: the pod's address. */
  readonly host: string;
  readonly port: number;
  /** Begins with a slash; may carry a query. */
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

type HttpGetAction = NonNullable<NonNullable<Container['livenessProbe']>['httpGet']>;
type Ports = Pick<Container, 'ports'>;

/** Never fails: what cannot be asked comes back as a problem in the kubelet's words. */
export function httpTargetOf(
  get: HttpGetAction,
  container: Ports,
): HttpTarget | { readonly problem: string } {
  const port = portOf(get.port, container);
  if (typeof port === 'string') return { problem: port };
  const scheme = (get.scheme ?? 'HTTP').toLowerCase() || 'http';
  if (scheme !== 'http' && scheme !== 'https')
    return { problem: `unsupported protocol scheme ${goQuoted(scheme)}` };
  return {
    secure: scheme === 'https',
    host: get.host ?? '',
    port,
    path: pathOf(get.path ?? ''),
    headers: (get.httpHeaders ?? []).map(({ name, value }) => ({ name: String(name), value: value ?? '' })),
  };
}

/** A port by number or by the name it has in the container; a text when there is none, in Go's words. */
export function portOf(port: number | string | undefined, { ports = [] }: Ports): number | string {
  const named = typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : undefined;
  const number = named ?? (typeof port === 'string' && /^[+-]?\d+$/.test(port) ? Number(port) : port);
  if (typeof number === 'string') return `strconv.Atoi: parsing ${goQuoted(number)}: invalid syntax`;
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > 65_535) {
    return `invalid port number: ${number ?? 0}`;
  }
  return number;
}

/** A request line takes visible ASCII only; a fragment is never sent. */
function pathOf(path: string): string {
  const [withoutFragment = ''] = path.split('#', 1);
  const rooted = withoutFragment.startsWith('/') ? withoutFragment : `/${withoutFragment}`;
  return rooted.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}
