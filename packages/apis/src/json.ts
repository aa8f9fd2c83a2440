import { messageErrors } from '@kubeedge-ts/errors';

export interface JsonLimits {
  /** Longest accepted text, in UTF-16 units. */
  readonly maxLength: number;
  /** Deepest accepted nesting of arrays and objects. */
  readonly maxDepth: number;
}

/** Bounds for one message of the cloud-edge link: upstream sends up to 32 MiB towards the edge. */
export const MESSAGE_JSON_LIMITS: JsonLimits = { maxLength: 33_554_432, maxDepth: 200 };

/**
 * Parses JSON from a peer. Length and depth are bounded before parsing, and a key `__proto__` is refused.
 *
 * @throws KubeEdgeError MESSAGE_MALFORMED
 */
export function parseJson(text: string, limits: JsonLimits = MESSAGE_JSON_LIMITS): unknown {
  if (text.length > limits.maxLength) {
    throw malformed('$', `text of ${text.length} characters exceeds ${limits.maxLength}`);
  }
  if (deeperThan(text, limits.maxDepth)) throw malformed('$', `nested deeper than ${limits.maxDepth}`);
  try {
    return text.includes('__proto__') ? JSON.parse(text, refuseProto) : JSON.parse(text);
  } catch (cause) {
    throw messageErrors.create('MESSAGE_MALFORMED', { path: '$', problem: 'not JSON' }, cause);
  }
}

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw malformed('$', 'key __proto__ is not allowed');
  return value;
}

function malformed(path: string, problem: string) {
  return messageErrors.create('MESSAGE_MALFORMED', { path, problem });
}

const QUOTE = 34;
const BACKSLASH = 92;

function deeperThan(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = endOfString(text, i + 1);
    } else if (c === 91 || c === 123) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (c === 93 || c === 125) {
      depth -= 1;
    }
  }
  return false;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** True for a JSON object (no array, not null). */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
