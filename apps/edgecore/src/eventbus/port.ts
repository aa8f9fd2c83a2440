/** A message for edgecore, from either broker. */
export interface Intake {
  readonly topic: string;
  /** Undefined when it was larger than 1 MiB. */
  readonly payload: Buffer | undefined;
  /** Declared size, bytes. */
  readonly size: number;
}

/** `done` says that the message has had its effect; a QoS 1 message is acknowledged then, not before. */
export type IntakeHandler = (message: Intake, done: () => void) => void;

/** A broker edgecore works with. */
export interface BrokerPort {
  /** Does not wait for the broker: it may come and go. */
  start(): void;
  stop(): Promise<void>;
  /** In order; what cannot be delivered is logged. */
  publish(topic: string, payload: string): void;
  /** Resolves at once unless publications pile up. */
  ready(): Promise<void>;
  subscribe(filter: string): Promise<void>;
  unsubscribe(filter: string): Promise<void>;
}

/** Payloads above this are not read (spec/mqtt-and-devicetwin.md knows no bound; DESIGN §11 asks for one). */
export const MAX_PAYLOAD_BYTES = 1_048_576;
