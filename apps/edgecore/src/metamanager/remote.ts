import {
  type Capability,
  EDGE_MODULES,
  GROUPS,
  isRecord,
  type Message,
  type MessageOrigin,
  newMessage,
  OK,
  OPERATIONS,
  responseTo,
} from '@kubeedge-ts/apis';
import type { Bus } from '@kubeedge-ts/beehive';
import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';

export interface RemoteRequest {
  readonly operation: string;
  /** Wire resource. */
  readonly resource: string;
  readonly content: unknown;
  /** Milliseconds; default 60,000 (`remoteQueryTimeout`). */
  readonly timeoutMs?: number;
  /** False for patches and pod deletes: their answers are not repeated and not acknowledged, as recorded. */
  readonly acknowledged?: boolean;
}

/** The connection as the edge's modules see it, and questions to the cloud over it. */
export interface Remote {
  readonly connected: boolean;
  /** Whether both ends have this addition to upstream's protocol; false while there is no connection. */
  offers(capability: Capability): boolean;
  setConnected(connected: boolean, capabilities?: ReadonlySet<Capability>): void;
  /**
   * Asks and resolves with the content of the answer: the object itself, also where it comes as `{Object, Err}`.
   * `acknowledge` confirms the answer when it is stored, or the cloud would repeat it.
   * @throws KubeEdgeError EDGE_DISCONNECTED; EDGE_REMOTE_FAILED with the API's `reason`, or `Timeout`
   */
  ask(request: RemoteRequest): Promise<{ content: unknown; acknowledge: () => Promise<void> }>;
}

export function createRemote(options: {
  readonly bus: Bus;
  readonly origin: MessageOrigin;
  readonly log: Logger;
  readonly timeoutMs: number;
}): Remote {
  const { bus, origin, log } = options;
  let link: AbortController | undefined;
  let offered: ReadonlySet<Capability> = new Set();

  const disconnected = ({ operation, resource }: RemoteRequest) =>
    edgecoreErrors.create('EDGE_DISCONNECTED', { operation, resource });

  const acknowledge = async (answer: Message): Promise<void> => {
    try {
      await bus.send(EDGE_MODULES.edgeHub, responseTo(origin, answer, OK));
    } catch (error) {
      log.warn({ resource: answer.route.resource, err: errorText(error) }, 'answer was not acknowledged');
    }
  };

  return {
    get connected() {
      return link !== undefined;
    },
    offers: (capability) => link !== undefined && offered.has(capability),
    setConnected(connected, capabilities = new Set()) {
      offered = capabilities;
      if (connected === (link !== undefined)) return;
      link?.abort();
      link = connected ? new AbortController() : undefined;
    },
    async ask(request) {
      const { operation, resource, content, timeoutMs = options.timeoutMs, acknowledged = true } = request;
      const signal = link?.signal;
      if (signal === undefined) throw disconnected(request);
      const message = newMessage(origin, {
        source: EDGE_MODULES.edged,
        group: GROUPS.meta,
        operation,
        resource,
        content,
      });
      let answer: Message;
      try {
        answer = await bus.sendAndWait(EDGE_MODULES.edgeHub, message, { timeoutMs, signal });
      } catch (error) {
        if (signal.aborted) throw disconnected(request);
        const reason = isKubeEdgeError(error, 'MESSAGE_TIMEOUT') ? 'Timeout' : 'Local';
        const details = { operation, resource, reason, problem: errorText(error) };
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', details, error);
      }
      if (answer.route.operation === OPERATIONS.error && answer.route.source === EDGE_MODULES.edgeHub) {
        throw disconnected(request);
      }
      const failure = failureIn(answer);
      if (failure !== undefined) {
        if (acknowledged) await acknowledge(answer);
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', { operation, resource, ...failure });
      }
      return { content: objectIn(answer.content), acknowledge: () => acknowledge(answer) };
    },
  };
}

/** `{Object, Err}` is the answer to create, patch and lease requests; everything else is the object itself. */
function objectIn(content: unknown): unknown {
  return isRecord(content) && 'Object' in content && 'Err' in content ? content['Object'] : content;
}

/** An error in any of the forms clouds use: operation `error`, `{ErrStatus}` (message-protocol §5.1), `{Err: …}`. */
function failureIn({ route, content }: Message): { reason: string; problem: string } | undefined {
  const wrapped = isRecord(content) && 'Err' in content && 'Object' in content ? content['Err'] : undefined;
  const error = isRecord(content) && isRecord(content['ErrStatus']) ? content : wrapped;
  if (isRecord(error)) {
    const status = isRecord(error['ErrStatus']) ? error['ErrStatus'] : {};
    return { reason: String(status['reason'] ?? 'Unknown'), problem: String(status['message'] ?? '') };
  }
  // A Go error without exported fields arrives as {} (message-protocol §1.1); no object is that empty.
  if (isRecord(content) && Object.keys(content).length === 0)
    return { reason: 'Unknown', problem: 'no details' };
  if (typeof error === 'string' && error !== '') return { reason: 'Unknown', problem: error };
  if (route.operation !== OPERATIONS.error) return undefined;
  return { reason: 'Unknown', problem: typeof content === 'string' ? content : JSON.stringify(content) };
}
