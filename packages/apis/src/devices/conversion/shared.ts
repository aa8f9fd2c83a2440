import { twinProperty } from '../v1beta1.ts';
import { compact, fitting, type Json, record, records, text } from './json.ts';

/** The first value of the first expression: all that older releases ever looked at (spec/mqtt-and-devicetwin.md §8.3). */
export function nodeNameOf(nodeSelector: unknown): string | undefined {
  const [term] = records(record(nodeSelector)['nodeSelectorTerms']);
  const [expression] = records(term?.['matchExpressions']);
  const values = expression?.['values'];
  return Array.isArray(values) ? text(values[0]) : undefined;
}

/** The selector that `nodeNameOf` reads back, in the form people write it. */
export function nodeSelectorOf(nodeName: unknown): Json | undefined {
  const name = text(nodeName);
  if (name === undefined || name === '') return undefined;
  return {
    nodeSelectorTerms: [{ matchExpressions: [{ key: '', operator: 'In', values: [name] }] }],
  };
}

/** `status.twins` of the stored form: what was reported. */
export function reportedTwins(twins: readonly Json[]): Json[] | undefined {
  const reported = twins.flatMap((twin) => {
    const value = fitting(twinProperty, twin['reported']);
    const propertyName = text(twin['propertyName']);
    return value === undefined || propertyName === undefined ? [] : [{ propertyName, reported: value }];
  });
  return reported.length > 0 ? reported : undefined;
}

/** Collects `spec.properties`, one per name, in the order of first mention. */
export function propertiesByName() {
  const properties = new Map<string, Json>();
  return {
    add(name: string | undefined, fields: Json): void {
      if (name === undefined) return;
      properties.set(name, { ...(properties.get(name) ?? { name }), ...compact(fields) });
    },
    list: (): Json[] | undefined => (properties.size > 0 ? [...properties.values()] : undefined),
  };
}
