import { convertDeviceObject, isRecord, parseJson } from '@kubeedge-ts/apis';

export const MAX_REVIEW_BYTES = 3 * 1024 * 1024;
const REVIEW_VERSION = 'apiextensions.k8s.io/v1';
const GROUP = 'devices.kubeedge.io/';

export interface ReviewAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Answers a ConversionReview (apiextensions.k8s.io/v1). What is no review gets 400; when one object cannot be
 * converted the whole review is a Failure, since the API server takes all or nothing.
 */
export function answerReview(body: Buffer): ReviewAnswer {
  const request = readRequest(body);
  if (typeof request === 'string') return { status: 400, body: `not a ConversionReview: ${request}\n` };
  const { uid, version, objects } = request;
  const convertedObjects: unknown[] = [];
  for (const [index, object] of objects.entries()) {
    const result = convertDeviceObject(object, version);
    if ('problem' in result) return review({ uid, result: failure(`object ${index}: ${result.problem}`) });
    convertedObjects.push(result.object);
  }
  return review({ uid, result: { status: 'Success' }, convertedObjects });
}

function readRequest(body: Buffer): { uid: string; version: string; objects: unknown[] } | string {
  const review = readJson(body);
  if (!isRecord(review)) return 'no JSON object';
  if (review['apiVersion'] !== REVIEW_VERSION || review['kind'] !== 'ConversionReview') {
    return `apiVersion and kind must be ${REVIEW_VERSION} ConversionReview`;
  }
  const request = review['request'];
  if (!isRecord(request)) return 'request is missing';
  const { uid, desiredAPIVersion, objects } = request;
  if (typeof uid !== 'string' || uid === '') return 'request.uid is missing';
  if (typeof desiredAPIVersion !== 'string' || !desiredAPIVersion.startsWith(GROUP)) {
    return `request.desiredAPIVersion must be of ${GROUP}`;
  }
  if (!Array.isArray(objects)) return 'request.objects is no list';
  return { uid, version: desiredAPIVersion.slice(GROUP.length), objects };
}

function readJson(body: Buffer): unknown {
  try {
    return parseJson(body.toString(), { maxLength: MAX_REVIEW_BYTES, maxDepth: 100 });
  } catch {
    // The caller learns of it as "no JSON object".
    return undefined;
  }
}

const failure = (message: string) => ({ status: 'Failure', message });

function review(response: object): ReviewAnswer {
  return {
    status: 200,
    body: JSON.stringify({ apiVersion: REVIEW_VERSION, kind: 'ConversionReview', response }),
  };
}
