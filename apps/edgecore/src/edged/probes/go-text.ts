/** Go's ways of printing, where the kubelet's texts for users contain them. */

/** `%q`. */
export function goQuoted(text: string): string {
  return JSON.stringify(text);
}

/** `%v` of a list of strings. */
export function goList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

/** Whole seconds as a duration: `10s`, `1m20s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/** `host:port`, an IPv6 address in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The system's errors by Node's code, in the words of Go's `syscall`. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'broken pipe',
};

/** Why a connection to `address` failed or broke, as Go's `net` says it. */
export function networkProblem(error: unknown, host: string, port: number): string {
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  const address = hostPort(host, port);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: no such host`;
  const words = code === undefined ? undefined : SYSTEM_ERRORS[code];
  if (words === undefined) return message ?? String(error);
  return syscall === 'connect' ? `dial tcp ${address}: connect: ${words}` : `read tcp ${address}: ${words}`;
}
