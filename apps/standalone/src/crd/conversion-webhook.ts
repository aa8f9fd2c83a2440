import { Agent, request } from 'node:https';
import { isRecord, parseJson, type UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Random } from '@kubeedge-ts/runtime';
import { records } from '../registry/pod-defaults.ts';
import { apiError } from '../rest/api-error.ts';
import type { ObjectStore } from '../storage/index.ts';
import type { WebhookCall } from './conversion.ts';
import type { ConversionWebhook, CustomResource } from './crd-object.ts';

/** A conversion that takes longer fails. */
const TIMEOUT_MS = 30_000;
/** Largest answer of a webhook. */
const ANSWER_LIMIT = 32 * 1024 * 1024;
const MAX_DEPTH = 250;

export interface ConversionClient {
  readonly call: WebhookCall;
  close(): void;
}

/** A client of the webhook of one definition; connections are kept between calls. */
export function createConversionClient(
  resource: CustomResource,
  webhook: ConversionWebhook,
  ports: { readonly store: ObjectStore; readonly random: Random },
): ConversionClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca: webhook.ca, minVersion: 'TLSv1.2' });
  const call: WebhookCall = async (objects, apiVersion) => {
    const uid = ports.random.uuid();
    const fail = (problem: string) => conversionError(resource, apiVersion, problem);
    const target = targetOf(webhook, ports.store);
    if (target === undefined) throw fail('its service has no ready endpoint');
    const body = JSON.stringify({
      kind: 'ConversionReview',
      apiVersion: 'apiextensions.k8s.io/v1',
      request: { uid, desiredAPIVersion: apiVersion, objects },
    });
    let text: string;
    try {
      text = await post(agent, target, body);
    } catch (cause) {
      throw fail(`Post ${JSON.stringify(target.shown)}: ${errorText(cause)}`);
    }
    return convertedObjects(text, uid, objects, apiVersion, fail);
  };
  return { call, close: () => agent.destroy() };
}

interface Target {
  readonly url: URL;
  /** Name the certificate must carry, when it is not the host of the URL. */
  readonly serverName?: string;
  readonly shown: string;
}

/** A service is called at one of its endpoints: there is no service network on the control plane's machine. */
function targetOf(webhook: ConversionWebhook, store: ObjectStore): Target | undefined {
  if (webhook.url !== undefined) return { url: new URL(webhook.url), shown: webhook.url };
  const { service } = webhook;
  if (service === undefined) return undefined;
  const { namespace, name, port, path } = service;
  const serverName = `${name}.${namespace}.svc`;
  const shown = `https://${serverName}:${port}${path}`;
  const found = store.get({ resource: 'services', namespace, name })?.object['spec'];
  const servicePort = isRecord(found)
    ? records(found['ports']).find((entry) => entry['port'] === port)
    : undefined;
  const endpoints = store.get({ resource: 'endpoints', namespace, name })?.object;
  for (const subset of records(endpoints?.['subsets'])) {
    const address = records(subset['addresses'])[0]?.['ip'];
    const target = records(subset['ports']).find(
      (entry) => entry['name'] === servicePort?.['name'] || records(subset['ports']).length === 1,
    )?.['port'];
    if (typeof address !== 'string' || typeof target !== 'number') continue;
    const host = address.includes(':') ? `[${address}]` : address;
    return { url: new URL(path, `https://${host}:${target}`), serverName, shown };
  }
  return undefined;
}

function post(agent: Agent, target: Target, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request(
      target.url,
      {
        method: 'POST',
        agent,
        signal,
        ...(target.serverName && { servername: target.serverName }),
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_LIMIT) sent.destroy(new Error(`answer larger than ${ANSWER_LIMIT} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 256)}`));
        });
      },
    );
    sent.on('error', (error) =>
      reject(signal.aborted ? new Error('context deadline exceeded (30 s)') : error),
    );
    sent.end(body);
  });
}

function convertedObjects(
  text: string,
  uid: string,
  sent: readonly UnknownObject[],
  apiVersion: string,
  fail: (problem: string) => Error,
): UnknownObject[] {
  let review: unknown;
  try {
    review = parseJson(text, { maxLength: ANSWER_LIMIT, maxDepth: MAX_DEPTH });
  } catch (cause) {
    throw fail(`answer is no JSON: ${errorText(cause)}`);
  }
  const response = isRecord(review) && isRecord(review['response']) ? review['response'] : undefined;
  if (response === undefined) throw fail('answer has no response');
  if (response['uid'] !== uid) throw fail(`response.uid is ${String(response['uid'])}, not ${uid}`);
  const result = isRecord(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success')
    throw fail(String(result['message'] ?? 'response.result.status is not Success'));
  const converted = records(response['convertedObjects']);
  if (converted.length !== sent.length) {
    throw fail(`returned ${converted.length} objects, expected ${sent.length}`);
  }
  return converted.map((object, index) => withKeptMetadata(object, sent[index]!, apiVersion, fail));
}

/** A conversion may change labels and annotations, and nothing else of the metadata. */
function withKeptMetadata(
  object: Record<string, unknown>,
  original: UnknownObject,
  apiVersion: string,
  fail: (problem: string) => Error,
): UnknownObject {
  if (object['apiVersion'] !== apiVersion) {
    throw fail(`returned apiVersion ${String(object['apiVersion'])}, expected ${apiVersion}`);
  }
  if (object['kind'] !== original.kind) throw fail(`returned kind ${String(object['kind'])}`);
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {};
  if (
    metadata['name'] !== original.metadata.name ||
    (metadata['uid'] ?? undefined) !== original.metadata.uid
  ) {
    throw fail('must not change metadata.name and metadata.uid');
  }
  const { labels: _labels, annotations: _annotations, ...kept } = original.metadata;
  const { labels, annotations } = metadata;
  return {
    ...object,
    metadata: {
      ...kept,
      ...(isRecord(labels) && { labels: labels as Record<string, string> }),
      ...(isRecord(annotations) && { annotations: annotations as Record<string, string> }),
    },
  };
}

function conversionError(resource: CustomResource, apiVersion: string, problem: string) {
  const message = `conversion webhook for ${apiVersion}, Kind=${resource.kind} failed: ${problem}`;
  return apiError({
    code: 500,
    reason: 'InternalError',
    message,
    details: { causes: [{ message: problem }] },
  });
}
