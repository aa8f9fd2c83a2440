import { isRecord } from '@kubeedge-ts/apis';

/** What an API server does with a status patch; as much of strategic merge as statuses use. */
export function applyStatusPatch(
  base: Record<string, unknown>,
  patch: Record<string, unknown>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$setElementOrder/')) continue;
    const old = result[key];
    const mergeKey = ({ conditions: 'type', podIPs: 'ip' } as Record<string, string>)[key];
    if (value === null) delete result[key];
    else if (mergeKey !== undefined && Array.isArray(value) && Array.isArray(old)) {
      const items = new Map(old.map((item) => [item[mergeKey], item]));
      for (const { $patch, ...item } of value) {
        if ($patch === 'delete') items.delete(item[mergeKey]);
        else items.set(item[mergeKey], applyStatusPatch(items.get(item[mergeKey]) ?? {}, item));
      }
      const order = patch[`$setElementOrder/${key}`] as Record<string, unknown>[] | undefined;
      const names = order?.map((item) => item[mergeKey]) ?? [...items.keys()];
      result[key] = names.map((name) => items.get(name));
    } else if (isRecord(value) && isRecord(old)) result[key] = applyStatusPatch(old, value);
    else result[key] = value;
  }
  return result;
}
