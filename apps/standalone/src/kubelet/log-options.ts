import { type FieldError, forbiddenField, invalid, invalidObject } from '../rest/field-error.ts';
import { boolOf, intOf, timeOf } from './query-values.ts';

/** PodLogOptions, as a request names them. */
export interface LogOptions {
  /** Empty: the only one. */
  readonly container: string;
  /** The client takes a kubelet whose certificate it cannot verify. */
  readonly insecureSkipVerify: boolean;
  /** What the kubelet is asked, in its order. */
  readonly query: string;
}

/** Reads and checks the options of GET pods/log. @throws BadRequest, Invalid */
export function parseLogOptions(podName: string, query: URLSearchParams): LogOptions {
  const tailLines = intOf(query, 'tailLines');
  const limitBytes = intOf(query, 'limitBytes');
  const sinceSeconds = intOf(query, 'sinceSeconds');
  const sinceTime = timeOf(query, 'sinceTime');
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0n) {
    errors.push(invalid('tailLines', Number(tailLines), 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1n) {
    errors.push(invalid('limitBytes', Number(limitBytes), 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1n) {
    errors.push(invalid('sinceSeconds', Number(sinceSeconds), 'must be greater than 0'));
  }
  if (errors.length > 0) throw invalidObject('', 'PodLogOptions', podName, errors);

  const asked = new URLSearchParams();
  for (const name of ['follow', 'previous', 'timestamps']) {
    if (boolOf(query, name)) asked.set(name, 'true');
  }
  if (sinceSeconds !== undefined) asked.set('sinceSeconds', String(sinceSeconds));
  if (sinceTime !== undefined) asked.set('sinceTime', sinceTime);
  if (tailLines !== undefined) asked.set('tailLines', String(tailLines));
  if (limitBytes !== undefined) asked.set('limitBytes', String(limitBytes));
  return {
    container: query.get('container') ?? '',
    insecureSkipVerify: boolOf(query, 'insecureSkipTLSVerifyBackend'),
    query: asked.toString(),
  };
}
