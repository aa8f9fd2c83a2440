import { type Event, events, isRecord, type Message, parseJson, type Status } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isAlreadyExists, isConflict, isNotFound, type ObjectKey } from '@kubeedge-ts/kube';
import { forbidden, refusal, statusFor } from '../controllers/answers.ts';
import type { UpHandler, UpPorts } from './up-context.ts';

const CONFLICT_TRIES = 4;

/** One event of a node on its way to the API. */
interface Report {
  readonly node: string;
  readonly key: ObjectKey;
  readonly event: Event;
  readonly signal: AbortSignal;
}

/** Why it is refused; undefined: it was written. */
type Outcome = Status | undefined;

/**
 * Events of a node about itself and its pods (spec/message-protocol.md §3.2). What it sends twice is written once, what
 * it counts up is written also when the first one has expired. Only our own edges are answered, upstream's expect none.
 */
export function createEventHandler({ kube, answers, peers, log, pace }: UpPorts): UpHandler<'up.event'> {
  const current = ({ key, signal }: Report): Promise<Event> => kube.get(events, key, { signal });
  const isOwn = ({ node }: Report, existing: Event): boolean => existing.source?.host === node;
  const foreign = ({ node, key }: Report): Status =>
    forbidden('events', key.name, `it was not written by node ${node}`);

  const insert = async (report: Report): Promise<Outcome> => {
    const { event, signal } = report;
    try {
      await kube.create(events, event, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // It came before and its answer was lost; since then it may have been counted up.
      const existing = await current(report);
      if (!isOwn(report, existing)) return foreign(report);
      if ((existing.count ?? 1) >= (event.count ?? 1)) throw error;
      await replace(report, existing);
    }
    return undefined;
  };

  const replace = async ({ event, signal }: Report, existing: Event): Promise<void> => {
    const { resourceVersion } = existing.metadata;
    const metadata = { ...event.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await kube.update(events, { ...event, metadata }, { signal });
  };

  const update = async (report: Report): Promise<Outcome> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const existing = await current(report);
        if (!isOwn(report, existing)) return foreign(report);
        await replace(report, existing);
        return undefined;
      } catch (error) {
        // The API keeps events for an hour.
        if (isNotFound(error)) return insert(report);
        if (!isConflict(error) || attempt === CONFLICT_TRIES) throw error;
      }
    }
  };

  const patch = async (report: Report, changes: object | undefined): Promise<Outcome> => {
    if (changes === undefined) return refusal(400, 'BadRequest', 'patchData is no JSON object');
    const { key, signal } = report;
    try {
      if (!isOwn(report, await current(report))) return foreign(report);
      await kube.patch(events, key, { type: 'strategic', body: changes }, { signal });
      return undefined;
    } catch (error) {
      // As client-go does: the whole event comes with the patch.
      if (!isNotFound(error)) throw error;
      return insert(report);
    }
  };

  const write = async (message: Message, report: Report): Promise<Outcome> => {
    switch (message.route.operation) {
      case 'patch':
        return patch(report, patchIn(message.content));
      case 'update':
        return update(report);
      default:
        return insert(report);
    }
  };

  return async ({ node, routed, signal }) => {
    const { message, path } = routed;
    const key = { namespace: path.namespace, name: path.name };
    const event = eventIn(message.content, node, key);
    let outcome: Outcome;
    try {
      await pace.turn(node, signal);
      outcome =
        event === undefined
          ? refusal(400, 'BadRequest', 'the content is no Event')
          : await write(message, { node, key, event, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const { resource } = message.route;
      if (!isAlreadyExists(error))
        log.info({ node, resource, err: errorText(error) }, 'event of node not written');
      outcome = statusFor(error);
    }
    if (peers.has(node, 'event-answers') !== true) return undefined;
    return outcome === undefined ? answers.ok(message) : answers.refused(message, outcome);
  };
}

/** What of an event is the node's to say; undefined: it is none. */
function eventIn(content: unknown, node: string, { namespace = '', name }: ObjectKey): Event | undefined {
  const given = isRecord(content) && isRecord(content['event']) ? content['event'] : content;
  if (!isRecord(given) || !isRecord(given['involvedObject'])) return undefined;
  const { metadata, source, reportingInstance, ...event } = given as unknown as Partial<Event>;
  const { labels, annotations } = isRecord(metadata) ? metadata : {};
  return {
    ...event,
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    source: { ...(isRecord(source) ? source : {}), host: node },
    ...(reportingInstance ? { reportingInstance: node } : {}),
  } as Event;
}

/** Of a patch, what changes neither whose event it is nor what it is about. */
function patchIn(content: unknown): object | undefined {
  const text = isRecord(content) ? content['patchData'] : undefined;
  const given = typeof text === 'string' ? parsed(text) : undefined;
  if (!isRecord(given)) return undefined;
  const {
    involvedObject: _about,
    metadata: _metadata,
    source: _by,
    reportingInstance: _too,
    ...body
  } = given;
  return body;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    // Answered as a bad request by the caller.
    return undefined;
  }
}
