import { isRecord, parseJson } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { parseDocument } from 'yaml';
import { apiError, badRequest } from './api-error.ts';

/** Deepest nesting of a body. */
const MAX_DEPTH = 250;
export const BODY_LIMIT = 3 * 1024 * 1024;

/** Parses a body that must be one JSON or YAML object. `kind` names the expected type in the error. */
export function parseObjectBody(
  body: Buffer,
  contentType: string | undefined,
  kind: string,
): Record<string, unknown> {
  const text = utf8(body);
  const value = isYaml(contentType) ? parseYaml(text) : parseJsonBody(text, kind);
  if (!isRecord(value)) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonType(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (${hex(text)})`,
    );
  }
  return value;
}

/** Parses a patch body. */
export function parsePatchBody(body: Buffer, yaml: boolean): unknown {
  const text = utf8(body);
  if (yaml) return parseYaml(text);
  try {
    return parseJson(text, { maxLength: BODY_LIMIT, maxDepth: MAX_DEPTH });
  } catch (error) {
    throw badRequest(`error decoding patch: ${syntaxProblem(text, error)}`);
  }
}

export function isYaml(contentType: string | undefined): boolean {
  return /yaml/.test(contentType ?? '');
}

function utf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw badRequest('the body of the request is not valid UTF-8');
  }
}

function parseJsonBody(text: string, kind: string): unknown {
  try {
    return parseJson(text, { maxLength: BODY_LIMIT, maxDepth: MAX_DEPTH });
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${syntaxProblem(text, error)} (${hex(text)})`,
    );
  }
}

/** YAML whose aliases could expand without bound is refused. */
function parseYaml(text: string): unknown {
  const document = parseDocument(text, { version: '1.1', merge: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw badRequest(`error parsing YAML: ${problem.message.split('\n')[0]}`);
  let json: string;
  try {
    json = JSON.stringify(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    throw badRequest(`error parsing YAML: ${errorText(error)}`);
  }
  if (json === undefined) throw badRequest('error parsing YAML: the document is empty');
  try {
    return parseJson(json, { maxLength: BODY_LIMIT, maxDepth: MAX_DEPTH });
  } catch (error) {
    throw badRequest(`error parsing YAML: ${errorText(error)}`);
  }
}

/** What Go's decoder says, for the two cases people meet; V8's words for the rest. */
function syntaxProblem(text: string, error: unknown): string {
  if (text.trim() === '') return 'unexpected end of JSON input';
  if (isKubeEdgeError(error) && error.details['problem'] !== 'not JSON')
    return String(error.details['problem']);
  const cause = isKubeEdgeError(error) ? error.cause : error;
  const message = errorText(cause);
  if (/Unexpected end|Unterminated/.test(message)) return 'unexpected end of JSON input';
  const literal = literalProblem(text.trim());
  if (literal !== undefined) return literal;
  const token = /Unexpected token (?:'(.)'|(\S))/u.exec(message);
  const character = token?.[1] ?? token?.[2];
  return character === undefined
    ? 'invalid character in JSON'
    : `invalid character '${character}' looking for beginning of value`;
}

function literalProblem(text: string): string | undefined {
  for (const literal of ['null', 'true', 'false']) {
    if (text[0] !== literal[0]) continue;
    for (let at = 1; at < literal.length; at++) {
      if (text[at] === literal[at]) continue;
      return `invalid character '${text[at] ?? ' '}' in literal ${literal} (expecting '${literal[at]}')`;
    }
  }
  return undefined;
}

function hex(text: string): string {
  if (text === '') return '<empty>';
  return Buffer.from(text).subarray(0, 512).toString('hex');
}

function jsonType(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}

/** Refuses a body in a form nobody here decodes. */
export function requireDecodable(contentType: string | undefined): void {
  const type = (contentType ?? '').split(';')[0]?.trim() ?? '';
  if (type === '' || /json|yaml/.test(type) || type === 'application/x-www-form-urlencoded') return;
  throw apiError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
  });
}
