/** Where an edge asks for the tunnel, and the headers it names itself with (spec/cloudstream-edgestream.md §2.1). */
export const CONNECT_PATH = '/v1/kubeedge/connect';
export const HOST_NAME_HEADER = 'SessionHostNameOverride';
export const INTERNAL_IP_HEADER = 'SessionInternalIP';

/** ALPN id and `Upgrade` token of the tunnel between ends of ours. */
export const STREAMS_PROTOCOL = 'kubeedge-ts.streams.v1';

/** Of one node, in either kind of tunnel. */
export const MAX_STREAMS = 256;

/** The edge pings; upstream's edges do so every 5 s. */
export const PING_EVERY_MS = 15_000;
/** A peer that nothing was heard of for so long is given up. */
export const SILENT_AFTER_MS = 45_000;

/** Between the farewell and the end of the socket. */
export const CLOSE_GRACE_MS = 1_000;

/** Longest reason that is sent or believed, bytes. */
export const MAX_REASON_BYTES = 123;

export function shortReason(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= MAX_REASON_BYTES ? reason : bytes.toString('utf8', 0, MAX_REASON_BYTES - 3);
}
