/** What CloudHub has done since its start. */
export interface HubCounters {
  connections: number;
  replaced: number;
  /** Messages from edges. */
  received: number;
  acked: number;
  malformed: number;
  /** Unknown routes, invalid contents, forged sources, functions that are not part of this version. */
  refused: number;
  /** Messages to edges that expect an ack. */
  sent: number;
  resent: number;
  stalled: number;
  /** Connections of edges whose store was not as it had been confirmed. */
  repaired: number;
  /** Messages to edges that expect none. */
  posted: number;
  /** Of these: the node was away, or its socket did not take them. */
  lost: number;
  /** Controllers failed to handle a message. */
  failed: number;
}

export function newCounters(): HubCounters {
  return {
    connections: 0,
    replaced: 0,
    received: 0,
    acked: 0,
    malformed: 0,
    refused: 0,
    sent: 0,
    resent: 0,
    stalled: 0,
    repaired: 0,
    posted: 0,
    lost: 0,
    failed: 0,
  };
}

/** A peer that misbehaves all the time must not fill the log: 1st, 2nd, 4th, 8th … occurrence. */
export function worthLogging(count: number): boolean {
  return (count & (count - 1)) === 0;
}
