import type { StreamName } from './routes.ts';

const FRAMED = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
const UNVERSIONED = ['channel.k8s.io', 'base64.channel.k8s.io'];

/** What the streaming servers of container runtimes speak over WebSocket; SPDY negotiates inside the stream. */
const SPOKEN: Readonly<Record<StreamName, readonly string[]>> = {
  exec: [...FRAMED, ...UNVERSIONED],
  attach: [...FRAMED, ...UNVERSIONED],
  portForward: FRAMED,
};

/**
 * The offer of a `Sec-WebSocket-Protocol` header, reduced to what the runtime speaks; undefined when nothing is left.
 * kubectl offers `v5.channel.k8s.io` alone (or `SPDY/3.1+portforward.k8s.io`): client-go takes any answer other than a
 * 101 with a protocol of its offer for an upgrade failure, and goes on over SPDY.
 */
export function reduceOffer(kind: StreamName, offered: string): string | undefined {
  const names = offered.split(',').map((name) => name.trim());
  const left = names.filter((name) => SPOKEN[kind].includes(name));
  return left.length === 0 ? undefined : left.join(', ');
}
