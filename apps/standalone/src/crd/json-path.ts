import { isRecord } from '@kubeedge-ts/apis';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly string[]; readonly equals: string };

/** A JSONPath of the kind printer columns use: fields, `[n]`, `[*]`, `['name']`, and `[?(@.a=="b")]`. */
export type JsonPath = (value: unknown) => readonly unknown[];

const TOKEN =
  /\.((?:[^.[\\]|\\.)+)|\[(\d{1,6})\]|\[\*\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[\?\(@((?:\.[\w-]+)+)\s*==\s*['"]([^'"]*)['"]\)\]/y;

/** Undefined when the text is no path we understand. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  const path = text.replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, '');
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < path.length) {
    const match = TOKEN.exec(path);
    if (match === null) return undefined;
    const [whole, field, index, single, double, filterPath, equals] = match;
    if (field === '*' || whole === '[*]') steps.push({ kind: 'all' });
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else if (filterPath !== undefined) {
      steps.push({ kind: 'filter', path: filterPath.slice(1).split('.'), equals: equals ?? '' });
    } else steps.push({ kind: 'field', name: (field ?? single ?? double ?? '').replaceAll(/\\(.)/g, '$1') });
  }
  return (value) =>
    steps.reduce<readonly unknown[]>((found, step) => found.flatMap((at) => take(at, step)), [value]);
}

function take(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index':
      return Array.isArray(value) && step.index < value.length ? [value[step.index]] : [];
    case 'all':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value)
        ? value.filter((item) => String(step.path.reduce<unknown>(fieldOf, item)) === step.equals)
        : [];
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
