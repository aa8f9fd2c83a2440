/** A script of the fake's shell, as a tree. */
export type Script = readonly Step[];
export interface Step {
  /** Whether it runs, given how the step before it went. */
  readonly when: 'always' | 'success' | 'failure';
  readonly run: Command | Loop;
}
export interface Command {
  readonly words: readonly string[];
  readonly output?:
    | { readonly to: 'stderr' }
    | { readonly to: 'file'; readonly path: string; readonly append: boolean };
}
export interface Loop {
  readonly condition: Script;
  readonly body: Script;
}

/** What the tests write: commands, quotes, `;` `&&` `||`, `>` `>>` `>&2`, and `while …; do …; done`. */
export function parse(text: string): Script {
  const tokens = tokenize(text);
  let at = 0;

  const script = (end: string | undefined): Script => {
    const steps: Step[] = [];
    let when: Step['when'] = 'always';
    while (at < tokens.length) {
      const token = tokens[at] as Token;
      if (token.operator === ';' || token.operator === '&&' || token.operator === '||') {
        when = token.operator === ';' ? 'always' : token.operator === '&&' ? 'success' : 'failure';
        at += 1;
      } else if (token.word === end && end !== undefined) {
        at += 1;
        return steps;
      } else steps.push({ when, run: token.word === 'while' ? loop() : command() });
    }
    if (end !== undefined) throw new SyntaxError(`no ${end} in ${text}`);
    return steps;
  };
  const loop = (): Loop => {
    at += 1;
    return { condition: script('do'), body: script('done') };
  };
  const command = (): Command => {
    const words: string[] = [];
    let output: Command['output'];
    for (; at < tokens.length; at++) {
      const token = tokens[at] as Token;
      if (token.word !== undefined) words.push(token.word);
      else if (token.operator === '>&2') output = { to: 'stderr' };
      else if (token.operator === '>' || token.operator === '>>') {
        at += 1;
        output = { to: 'file', path: tokens[at]?.word ?? '', append: token.operator === '>>' };
      } else break;
    }
    return { words, ...(output === undefined ? {} : { output }) };
  };
  return script(undefined);
}

interface Token {
  readonly word?: string;
  readonly operator?: string;
}

const OPERATORS = ['>&2', '>>', '>', '&&', '||', ';', '\n'];

/** A variable in single quotes, or a `$` that is escaped, is marked so that it is not expanded. */
export const LITERAL_DOLLAR = '\u0001';

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let word: string | undefined;
  const flush = (): void => {
    if (word !== undefined) tokens.push({ word });
    word = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const rest = text.slice(at);
    const operator = OPERATORS.find((candidate) => rest.startsWith(candidate));
    const character = text[at] as string;
    if (operator !== undefined) {
      flush();
      tokens.push({ operator: operator === '\n' ? ';' : operator });
      at += operator.length - 1;
    } else if (character === ' ' || character === '\t') flush();
    else if (character === '"' || character === "'") {
      const end = text.indexOf(character, at + 1);
      if (end < 0) throw new SyntaxError(`unterminated quote in ${text}`);
      const quoted = text.slice(at + 1, end);
      word = (word ?? '') + (character === "'" ? quoted.replaceAll('$', LITERAL_DOLLAR) : quoted);
      at = end;
    } else if (character === '\\' && at + 1 < text.length) {
      at += 1;
      word = (word ?? '') + (text[at] === '$' ? LITERAL_DOLLAR : text[at]);
    } else word = (word ?? '') + character;
  }
  flush();
  return tokens;
}
