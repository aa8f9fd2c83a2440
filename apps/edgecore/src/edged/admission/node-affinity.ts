import type { Pod } from '@kubeedge-ts/apis';

export interface NamedNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface Selector {
  readonly nodeSelectorTerms: readonly {
    readonly matchExpressions?: readonly Requirement[];
    readonly matchFields?: readonly Requirement[];
  }[];
}

/** Whether the node is one that the pod's nodeSelector and required node affinity name. */
export function matchesNode({ spec }: Pod, { name, labels }: NamedNode): boolean {
  for (const [key, value] of Object.entries(spec?.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesSelector(required, { name, labels });
}

/** Whether any term of a `core/v1` NodeSelector names the node; persistent volumes have one as well. */
export function matchesSelector({ nodeSelectorTerms }: Selector, { name, labels }: NamedNode): boolean {
  return nodeSelectorTerms.some(({ matchExpressions = [], matchFields = [] }) => {
    // An empty term names no node.
    if (matchExpressions.length + matchFields.length === 0) return false;
    const ofLabels = (one: Requirement) =>
      holds(one, Object.hasOwn(labels, one.key) ? labels[one.key] : undefined);
    const ofFields = (one: Requirement) =>
      (one.operator === 'In' || one.operator === 'NotIn') &&
      one.values?.length === 1 &&
      holds(one, one.key === 'metadata.name' ? name : '');
    return matchExpressions.every(ofLabels) && matchFields.every(ofFields);
  });
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined && values.length === 0;
    case 'DoesNotExist':
      return value === undefined && values.length === 0;
    case 'Gt':
      return compare(value, values, (have, bound) => have > bound);
    case 'Lt':
      return compare(value, values, (have, bound) => have < bound);
    default:
      // An operator this node does not know cannot be said to hold.
      return false;
  }
}

const INTEGER = /^[+-]?\d{1,19}$/;

function compare(
  value: string | undefined,
  [bound, ...more]: readonly string[],
  test: (have: bigint, bound: bigint) => boolean,
): boolean {
  if (value === undefined || bound === undefined || more.length > 0) return false;
  return INTEGER.test(value) && INTEGER.test(bound) && test(integer(value), integer(bound));
}

function integer(text: string): bigint {
  return BigInt(text.replace(/^\+/, ''));
}
