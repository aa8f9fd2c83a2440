import type { LabelSelector } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';

export type Labels = Readonly<Record<string, string>>;

export type Requirement =
  | { readonly key: string; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: 'Exists' | 'DoesNotExist' };

/**
 * Parses the text form of a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`,
 * joined by commas. @throws KUBE_SELECTOR_INVALID
 */
export function parseLabelSelector(text: string): readonly Requirement[] {
  return splitTerms(text).map((term) => parseRequirement(text, term));
}

/** Cuts at the commas that stand outside parentheses. */
function splitTerms(text: string): string[] {
  const terms = [''];
  let inside = false;
  for (const character of text) {
    if (character === '(' || character === ')') inside = character === '(';
    if (character === ',' && !inside) terms.push('');
    else terms.push(`${terms.pop()}${character}`);
  }
  return terms.map((term) => term.trim()).filter((term) => term !== '');
}

const KEY = `[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?(?:/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const EQUALITY = new RegExp(String.raw`^(${KEY})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)$`);
const EXISTENCE = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

function parseRequirement(selector: string, term: string): Requirement {
  const set = SET.exec(term);
  if (set !== null) {
    const values = (set[3] as string).split(',').map((value) => value.trim());
    return { key: set[1] as string, operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const equality = EQUALITY.exec(term);
  if (equality !== null) {
    const operator = equality[2] === '!=' ? 'NotIn' : 'In';
    return { key: equality[1] as string, operator, values: [equality[3] as string] };
  }
  const existence = EXISTENCE.exec(term);
  if (existence !== null) {
    return { key: existence[2] as string, operator: existence[1] === '!' ? 'DoesNotExist' : 'Exists' };
  }
  throw kubeErrors.create('KUBE_SELECTOR_INVALID', { selector, problem: `"${term}"` });
}

/** The requirements of a structured selector. @throws KUBE_SELECTOR_INVALID for an unknown operator */
export function requirementsOf(selector: LabelSelector): readonly Requirement[] {
  const labels = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): Requirement => {
    if (operator === 'In' || operator === 'NotIn') return { key, operator, values: values ?? [] };
    if (operator === 'Exists' || operator === 'DoesNotExist') return { key, operator };
    throw kubeErrors.create('KUBE_SELECTOR_INVALID', { selector: key, problem: `operator ${operator}` });
  });
  return [...labels, ...expressions];
}

export function matchesRequirements(requirements: readonly Requirement[], labels: Labels = {}): boolean {
  return requirements.every((requirement) => meets(requirement, labels));
}

function meets(requirement: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** True when the labels fit. An empty selector fits everything; an absent one nothing. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  return selector !== undefined && matchesRequirements(requirementsOf(selector), labels);
}

export interface FieldRequirement {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Parses `a.b=c,d!=e`. @throws KUBE_SELECTOR_INVALID */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return text
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^([\w./[\]-]+?)(==|=|!=)(.*)$/.exec(term);
      if (match === null)
        throw kubeErrors.create('KUBE_SELECTOR_INVALID', { selector: text, problem: `"${term}"` });
      return { path: match[1] as string, equal: match[2] !== '!=', value: match[3] as string };
    });
}

/** Reads a dotted path of plain fields; an absent field is the empty string, as in Kubernetes' selectors. */
export function matchesFields(requirements: readonly FieldRequirement[], object: unknown): boolean {
  return requirements.every(({ path, equal, value }) => {
    let current: unknown = object;
    for (const field of path.split('.')) {
      current =
        typeof current === 'object' && current !== null && Object.hasOwn(current, field)
          ? (current as Record<string, unknown>)[field]
          : undefined;
    }
    return (String(current ?? '') === value) === equal;
  });
}
