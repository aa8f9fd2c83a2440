import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import type { Authenticator } from '../auth/authenticator.ts';
import { type Attributes, isAllowed, refusalText } from '../auth/authorizer.ts';
import type { Exchange } from '../kubelet/exchange.ts';
import type { Forwarder } from '../kubelet/forwarder.ts';
import { apiError, forbidden, methodNotAllowed, resourceNotFound, statusOf } from '../rest/api-error.ts';
import type { ApiContext, ApiResponse, UserInfo } from '../rest/api-request.ts';
import type { Dispatcher } from '../rest/dispatch.ts';
import { BODY_LIMIT } from '../rest/json-body.ts';
import { parseRequestInfo, type RequestInfo, type ResourceRequest } from '../rest/request-info.ts';
import { readBody } from './read-body.ts';
import { NOT_FOUND_PAGE, type PathAnswer, type PathRequest } from './routes.ts';
import { streamTo } from './stream.ts';

export interface HandlerOptions {
  readonly context: ApiContext;
  readonly authenticator: Authenticator;
  readonly dispatcher: Dispatcher;
  readonly forwarder: Forwarder;
  readonly paths: (request: PathRequest) => Promise<PathAnswer>;
}

/** Time for the rest of a body that nobody wants. Bodies that are read have their own limits. */
const LEFTOVER_MS = 60_000;

/** One HTTP request from authentication to answer. Never throws: every failure becomes a Status. */
export function createHandler(options: HandlerOptions) {
  return async (exchange: Exchange): Promise<void> => {
    const { request, response } = exchange;
    limitLeftover(request, response, options.context.clock);
    try {
      await answer(options, exchange);
    } catch (error) {
      const status = statusOf(error);
      if (status.code >= 500 && !isKubeEdgeError(error, 'STANDALONE_REQUEST_REFUSED')) {
        options.context.log.error(
          { method: request.method, path: request.url?.split('?')[0], err: errorText(error) },
          'request failed',
        );
      }
      const retry = status.details?.retryAfterSeconds;
      const unreadable = status.code === 413 || status.code === 408;
      if (unreadable) response.shouldKeepAlive = false;
      send(response, {
        status: status.code,
        body: status,
        ...(retry !== undefined && { headers: { 'Retry-After': String(retry) } }),
      });
      // What is left of a body of bearable size is read, so that the connection can be used again.
      if (unreadable) response.once('finish', () => request.destroy());
      else request.resume();
    }
  };
}

/** The connection of a client that goes on sending after its answer is given up in time. */
function limitLeftover(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  response.once('finish', () => {
    if (request.complete || request.destroyed) return;
    request.once(
      'close',
      clock.after(LEFTOVER_MS, () => request.destroy()),
    );
  });
}

async function answer(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { context, dispatcher } = options;
  const { request, response } = exchange;
  const [path = '/', queryText = ''] = splitUrl(request.url ?? '/');
  const query = new URLSearchParams(queryText);
  const info = parseRequestInfo(request.method ?? 'GET', path, query);
  const user = await options.authenticator.authenticate(request);
  authorize(context, user, info);

  if (info.kind === 'path') {
    if (info.verb !== 'get' && info.verb !== 'head') throw methodNotAllowed();
    const found = await options.paths({ path, query, accept: request.headers.accept });
    sendPath(response, found);
    return;
  }
  const definition = context.registry.find(info.group, info.version, info.plural);
  if (definition === undefined) {
    if (!context.registry.hasGroupVersion(info.group, info.version)) sendPath(response, NOT_FOUND_PAGE);
    else throw resourceNotFound();
    return;
  }
  if (definition.namespaced !== (info.namespace !== '') && info.plural !== 'namespaces') {
    const overAll = definition.namespaced && info.name === '' && info.verb !== 'deletecollection';
    if (!overAll) throw resourceNotFound();
  }
  const left = new AbortController();
  response.once('close', () => left.abort(new Error('the client left')));
  const result = await dispatcher.handle({
    info,
    definition,
    method: request.method ?? 'GET',
    query,
    rawQuery: queryText,
    user,
    header: (name) => headerText(request.headers[name]),
    body: () => readBody(request, BODY_LIMIT, context.clock),
    signal: left.signal,
  });
  if ('forward' in result) await options.forwarder.carry(result.forward, exchange);
  else if ('start' in result) streamTo(response, result);
  else send(response, result);
}

function splitUrl(url: string): [string, string] {
  const at = url.indexOf('?');
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function authorize(context: ApiContext, user: UserInfo, info: RequestInfo): void {
  const attributes: Attributes =
    info.kind === 'path'
      ? info
      : {
          kind: 'resource',
          verb: info.verb,
          group: info.group,
          plural: info.plural,
          subresource: info.subresource,
          namespace: info.namespace,
          name: info.name,
        };
  if (isAllowed(context.store, user, attributes)) return;
  const why = refusalText(user, attributes);
  if (attributes.kind === 'path') {
    throw apiError({
      code: 403,
      reason: 'Forbidden',
      message: `forbidden: ${why}`,
      details: {},
    });
  }
  throw forbidden(attributes, (info as ResourceRequest).name, why);
}

function sendPath(response: ServerResponse, { status, contentType, body }: PathAnswer): void {
  response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-cache, private' });
  response.end(body);
}

/** Longest warning that is sent; header values must be printable ASCII. */
const WARNING_LIMIT = 1024;

function send(response: ServerResponse, { status, body, warnings, headers }: ApiResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  if (warnings !== undefined && warnings.length > 0) {
    response.setHeader(
      'Warning',
      warnings.slice(0, 32).map((text) => `299 - ${JSON.stringify(printable(text))}`),
    );
  }
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'Cache-Control': 'no-cache, private',
  });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
}

function printable(text: string): string {
  return text.slice(0, WARNING_LIMIT).replaceAll(/[^\x20-\x7e]/g, '?');
}
