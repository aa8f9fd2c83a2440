import { isUtf8 } from 'node:buffer';
import { isRecord, parseJson } from '@kubeedge-ts/apis';
import { mapperErrors } from '@kubeedge-ts/errors';

const LIMITS = { maxLength: 1_048_576, maxDepth: 32 };

/** The JSON object edgecore published. @throws KubeEdgeError MAPPER_MESSAGE_INVALID */
export function readObject(topic: string, payload: Buffer | undefined): Record<string, unknown> {
  const invalid = (problem: string, cause?: unknown) =>
    mapperErrors.create('MAPPER_MESSAGE_INVALID', { topic, problem }, cause);
  if (payload === undefined || !isUtf8(payload)) throw invalid('no text');
  try {
    const value = parseJson(payload.toString('utf8'), LIMITS);
    if (isRecord(value)) return value;
  } catch (cause) {
    throw invalid('not JSON', cause);
  }
  throw invalid('not an object');
}

/** Ids in a list of devices (`devices` of membership/get, `added_devices` and `removed_devices` of an update). */
export function deviceIds(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) => (isRecord(one) && typeof one['id'] === 'string' ? [one['id']] : []));
}

/** Desired values that differ from the reported ones, from `twin/update/delta`. */
export function deltaOf(message: Record<string, unknown>): Map<string, string> {
  const wanted = new Map<string, string>();
  const { delta } = message;
  if (!isRecord(delta)) return wanted;
  for (const [name, value] of Object.entries(delta)) if (typeof value === 'string') wanted.set(name, value);
  return wanted;
}

/** The same from the twins of `twin/get/result`. */
export function differencesOf(message: Record<string, unknown>): Map<string, string> {
  const wanted = new Map<string, string>();
  const { twin } = message;
  if (!isRecord(twin)) return wanted;
  for (const [name, one] of Object.entries(twin)) {
    const value = isRecord(one) ? sideValue(one['expected']) : undefined;
    if (value !== undefined && value !== '' && isRecord(one) && value !== sideValue(one['actual'])) {
      wanted.set(name, value);
    }
  }
  return wanted;
}

function sideValue(side: unknown): string | undefined {
  return isRecord(side) && typeof side['value'] === 'string' ? side['value'] : undefined;
}
