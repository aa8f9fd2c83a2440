import type { DownstreamObject } from './downstream.ts';
import type { QueueCommand, SendCommand } from './node-queue-types.ts';

/** A message on its way: sent, not acknowledged. */
export interface Flight<E> {
  readonly entry: E;
  readonly command: SendCommand;
  /** As it was asked for when this was sent; undefined for a delete. */
  readonly wanted: DownstreamObject | undefined;
  /** Hash of the content; undefined for a delete, and where the content was newer than what was hashed. */
  readonly hash: string | undefined;
  sends: number;
  /** The edge does not confirm it: it counts for the window and for others no more. */
  stalled: boolean;
}

export interface FlightsOptions {
  readonly window: number;
  readonly resendMs: number;
  readonly maxResendMs: number;
}

/** Sends after which an unconfirmed message stops holding up others. */
const STALLED_AFTER = 3;

/**
 * The window of one node, and its one resend timer: only the message whose last send is longest ago is resent, the pause
 * doubles, any ack resets it. An upstream edge's acks queue behind its own traffic, so resending all of them would
 * multiply the load (LESSONS M16).
 */
export interface Flights<E> {
  readonly full: boolean;
  readonly size: number;
  add(flight: Flight<E>, out: QueueCommand[]): void;
  /** Takes the flight out; undefined for an id that is not, or no longer, awaited. */
  acked(id: string, out: QueueCommand[]): Flight<E> | undefined;
  /** Makes sure that the timer fires some time. */
  wake(out: QueueCommand[]): void;
  /** The timer fired. Returns a flight that just stalled. */
  fired(congested: boolean, out: QueueCommand[]): Flight<E> | undefined;
  /** The connection is gone, and what was on it. */
  clear(out: QueueCommand[]): void;
}

export function createFlights<E>(options: FlightsOptions): Flights<E> {
  /** In the order of the last send. */
  const flights = new Map<string, Flight<E>>();
  let counted = 0;
  let pause = options.resendMs;
  let armed = false;

  const arm = (out: QueueCommand[]): void => {
    armed = true;
    out.push({ type: 'set-timer', ms: pause });
  };
  const disarm = (out: QueueCommand[]): void => {
    if (!armed) return;
    armed = false;
    out.push({ type: 'clear-timer' });
  };

  return {
    get full() {
      return counted >= options.window;
    },
    get size() {
      return flights.size;
    },
    add(flight, out) {
      flights.set(flight.command.id, flight);
      counted += 1;
      out.push(flight.command);
      if (!armed) arm(out);
    },
    acked(id, out) {
      const flight = flights.get(id);
      if (flight === undefined) return undefined;
      flights.delete(id);
      if (!flight.stalled) counted -= 1;
      pause = options.resendMs;
      if (flights.size > 0) arm(out);
      else disarm(out);
      return flight;
    },
    wake(out) {
      if (!armed) arm(out);
    },
    fired(congested, out) {
      armed = false;
      const [oldest] = flights.values();
      if (oldest === undefined) return undefined;
      if (congested) {
        arm(out);
        return undefined;
      }
      const { id } = oldest.command;
      flights.delete(id);
      flights.set(id, oldest);
      oldest.sends += 1;
      out.push({ ...oldest.command, resent: true });
      pause = Math.min(pause * 2, options.maxResendMs);
      arm(out);
      if (oldest.stalled || oldest.sends < STALLED_AFTER) return undefined;
      oldest.stalled = true;
      counted -= 1;
      const { namespace, type, name } = oldest.command.object;
      out.push({ type: 'stalled', id, resource: `${namespace}/${type}/${name}`, sends: oldest.sends });
      return oldest;
    },
    clear(out) {
      flights.clear();
      counted = 0;
      pause = options.resendMs;
      disarm(out);
    },
  };
}
