import type { Requirement } from '@kubeedge-ts/kube';
import { badRequest } from './api-error.ts';

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/**
 * Parses the text form of a label selector with Kubernetes' grammar and messages:
 * `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas.
 * @throws BadRequest
 */
export function parseLabelSelectorText(text: string): readonly Requirement[] {
  const tokens = tokensOf(text);
  const requirements: Requirement[] = [];
  let at = 0;
  const peek = (): string => tokens[at] ?? '';
  const take = (): string => tokens[at++] ?? '';
  const identifier = (): string => {
    const token = take();
    if (token === '' || isSymbol(token)) throw unparsable(`found '${token}', expected: identifier`);
    return token;
  };
  while (at < tokens.length) {
    if (peek() === '!') {
      take();
      requirements.push({ key: checkedKey(identifier()), operator: 'DoesNotExist' });
    } else requirements.push(requirement(checkedKey(identifier())));
    if (at === tokens.length) break;
    if (take() !== ',') throw unparsable(`found '${tokens[at - 1]}', expected: ',' or 'end of string'`);
    if (at === tokens.length) throw unparsable("found '', expected: identifier after ','");
  }
  return requirements;

  function requirement(key: string): Requirement {
    const operator = peek();
    if (operator === '' || operator === ',') return { key, operator: 'Exists' };
    take();
    switch (operator) {
      case '=':
      case '==':
        return { key, operator: 'In', values: [exactValue()] };
      case '!=':
        return { key, operator: 'NotIn', values: [exactValue()] };
      case 'in':
        return { key, operator: 'In', values: valueSet() };
      case 'notin':
        return { key, operator: 'NotIn', values: valueSet() };
      default:
        throw unparsable(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }
  function exactValue(): string {
    if (peek() === '' || peek() === ',') return '';
    return checkedValue(identifier());
  }
  function valueSet(): string[] {
    if (take() !== '(') throw unparsable(`found '${tokens[at - 1] ?? ''}', expected: '('`);
    const values: string[] = [];
    for (;;) {
      if (peek() === ')' || peek() === ',') values.push('');
      else values.push(checkedValue(identifier()));
      const next = take();
      if (next === ')') return values;
      if (next !== ',') throw unparsable(`found '${next}', expected: ',' or ')'`);
    }
  }
}

function isSymbol(token: string): boolean {
  return /^[(),=!]+$/.test(token);
}

function tokensOf(text: string): string[] {
  return text.match(/==|!=|[(),=!]|[^\s(),=!]+/g) ?? [];
}

function checkedKey(key: string): string {
  if (KEY.test(key)) return key;
  throw badRequest(
    `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  );
}

function checkedValue(value: string): string {
  if (VALUE.test(value)) return value;
  throw badRequest(
    `unable to parse requirement: values[0][]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  );
}

function unparsable(problem: string) {
  return badRequest(`unable to parse requirement: ${problem}`);
}
