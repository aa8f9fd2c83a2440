/** The fields conditions of all kinds share. */
export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function findCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The list with this condition in it; its transition time is kept while its status stays the same. */
export function withCondition<C extends Condition>(conditions: readonly C[] | undefined, next: C): C[] {
  const before = findCondition(conditions, next.type);
  const condition =
    before?.status === next.status && before.lastTransitionTime !== undefined
      ? { ...next, lastTransitionTime: before.lastTransitionTime }
      : next;
  const list = conditions ?? [];
  return before === undefined
    ? [...list, condition]
    : list.map((known) => (known.type === next.type ? condition : known));
}

export function withoutCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: string,
): C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
