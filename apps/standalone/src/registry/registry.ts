import { groupVersion, type ResourceDefinition } from './types.ts';

export interface GroupVersions {
  readonly group: string;
  /** Preferred version first. */
  readonly versions: readonly string[];
}

/** All served resources: the built-in table and those of CustomResourceDefinitions. */
export interface Registry {
  find(group: string, version: string, plural: string): ResourceDefinition | undefined;
  hasGroupVersion(group: string, version: string): boolean;
  /** Built-in groups in their fixed order, then custom ones by name. Without the core group. */
  groups(): readonly GroupVersions[];
  /** Sorted by plural. */
  resources(group: string, version: string): readonly ResourceDefinition[];
  all(): readonly ResourceDefinition[];
  /** Replaces all definitions that `owner` registered before. */
  replace(owner: string, definitions: readonly ResourceDefinition[]): void;
  /** Grows with every change; lets documents made from the registry be cached. */
  readonly generation: number;
}

export function createRegistry(builtin: readonly ResourceDefinition[]): Registry {
  const custom = new Map<string, readonly ResourceDefinition[]>();
  let byPath = new Map<string, ResourceDefinition>();
  let generation = 0;

  const everything = (): ResourceDefinition[] => [...builtin, ...[...custom.values()].flat()];
  const rebuild = (): void => {
    byPath = new Map();
    for (const definition of everything()) {
      byPath.set(`${groupVersion(definition)}/${definition.plural}`, definition);
    }
    generation += 1;
  };
  rebuild();

  return {
    get generation() {
      return generation;
    },
    find: (group, version, plural) => byPath.get(`${groupVersion({ group, version })}/${plural}`),
    hasGroupVersion: (group, version) =>
      everything().some((definition) => definition.group === group && definition.version === version),
    groups() {
      const versions = new Map<string, Set<string>>();
      const customGroups = [...custom.values()].flat().sort((a, b) => (a.group < b.group ? -1 : 1));
      for (const { group, version } of [...builtin, ...customGroups]) {
        if (group === '') continue;
        versions.set(group, (versions.get(group) ?? new Set()).add(version));
      }
      return [...versions].map(([group, set]) => ({ group, versions: [...set].sort(compareVersions) }));
    },
    resources: (group, version) =>
      everything()
        .filter((definition) => definition.group === group && definition.version === version)
        .sort((a, b) => (a.plural < b.plural ? -1 : 1)),
    all: everything,
    replace(owner, definitions) {
      if (definitions.length === 0) custom.delete(owner);
      else custom.set(owner, definitions);
      rebuild();
    },
  };
}

const KUBE_VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Kubernetes' version priority: GA before beta before alpha, newer first, other names last and alphabetical. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [KUBE_VERSION.exec(a), KUBE_VERSION.exec(b)];
  if (left === null || right === null) {
    if (left !== null) return -1;
    if (right !== null) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const rank = (match: RegExpExecArray): number => (match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2);
  return (
    rank(left) - rank(right) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}
