import { isRecord, type KubeObject, OPERATIONS, parseJson, type UnknownObject } from '@kubeedge-ts/apis';
import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Row, Store } from '@kubeedge-ts/store';
import { storeAnswer } from './meta-rows.ts';
import type { Remote, RemoteRequest } from './remote.ts';

export type StoredObject = KubeObject & UnknownObject;

export interface Asked {
  readonly object: StoredObject;
  /** Confirms the answer when it is stored, or the cloud would repeat it. */
  readonly acknowledge: () => Promise<void>;
}

/** Objects of table `meta` and of the cloud. */
export interface ObjectAccess {
  parse(row: Row): StoredObject | undefined;
  stored(key: string): Promise<StoredObject | undefined>;
  /**
   * Asks for an object; undefined when a query finds nothing.
   * @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED
   */
  ask(request: RemoteRequest): Promise<Asked | undefined>;
  /**
   * As `ask`; what came is stored under `key`, unless a newer version is there, and acknowledged. Queries for one object
   * at the same time are one question, and the object arriving unasked answers it: an upstream cloud keeps one message
   * per object for a node, so of two answers, or an answer and an update, only the last is ever sent.
   */
  askAndStore(
    request: RemoteRequest,
    key?: string,
    typed?: { readonly apiVersion: string; readonly kind: string },
  ): Promise<StoredObject | undefined>;
  /** The cloud has sent this object, and it is stored. */
  arrived(resource: string, object: unknown): void;
}

interface Question {
  readonly outcome: Promise<StoredObject | undefined>;
  readonly answer: (object: StoredObject) => void;
}

export function createObjectAccess({
  store,
  remote,
  log,
}: {
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly remote: Pick<Remote, 'ask'>;
  readonly log: Logger;
}): ObjectAccess {
  const asking = new Map<string, Question>();

  const askOnce = (request: RemoteRequest, ask: () => Promise<StoredObject | undefined>) => {
    const { resource } = request;
    const underway = asking.get(resource);
    if (underway !== undefined) return underway.outcome;
    const unasked = Promise.withResolvers<StoredObject>();
    const outcome = Promise.race([unasked.promise, ask()]).finally(() => asking.delete(resource));
    asking.set(resource, { outcome, answer: unasked.resolve });
    return outcome;
  };

  const access: ObjectAccess = {
    parse(row) {
      try {
        const object = parseJson(String(row['value']));
        if (isRecord(object) && isRecord(object['metadata'])) return object as unknown as StoredObject;
      } catch (error) {
        log.debug({ key: row['key'], err: errorText(error) }, 'stored row is no JSON');
      }
      log.warn({ key: row['key'] }, 'stored row is no object and is passed over');
      return undefined;
    },

    async stored(key) {
      const [row] = await store.read({ sql: 'SELECT key, value FROM meta WHERE key = ?', params: [key] });
      return row === undefined ? undefined : access.parse(row);
    },

    async ask(request) {
      try {
        const { content, acknowledge } = await remote.ask(request);
        if (isRecord(content) && isRecord(content['metadata'])) {
          return { object: content as unknown as StoredObject, acknowledge };
        }
        await acknowledge();
        const { operation, resource } = request;
        const details = { operation, resource, reason: 'Unknown', problem: 'the answer carries no object' };
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', details);
      } catch (error) {
        if (reasonOf(error) === 'NotFound' && request.operation === OPERATIONS.query) return undefined;
        throw error;
      }
    },

    askAndStore(request, key = request.resource, typed = undefined) {
      const ask = async () => {
        const answer = await access.ask(request);
        if (answer === undefined) return undefined;
        const object = { ...answer.object, ...typed };
        await store.write([storeAnswer(key, object)]);
        await answer.acknowledge();
        return object;
      };
      return request.operation === OPERATIONS.query ? askOnce(request, ask) : ask();
    },

    arrived(resource, object) {
      if (isRecord(object) && isRecord(object['metadata'])) {
        asking.get(resource)?.answer(object as unknown as StoredObject);
      }
    },
  };
  return access;
}

/** The API's reason for a refusal; undefined for any other failure. */
export const reasonOf = (error: unknown): unknown =>
  isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') ? error.details['reason'] : undefined;

/** Nothing was decided about what was asked: the API, or the way there, is not available. */
const NO_DECISION: ReadonlySet<unknown> = new Set([
  'Timeout',
  'ServerTimeout',
  'ServiceUnavailable',
  'TooManyRequests',
  'Local',
]);

/** The failure is one of the API's or the link's state; asking again later may succeed. */
export function isUndecided(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason === undefined || NO_DECISION.has(reason);
}
