import { qualified } from '../rest/api-error.ts';
import { decodeTyped } from '../schema/decode-typed.ts';
import { typedSchema } from '../schema/field-schema.ts';
import { defaultColumns } from '../table/core-columns.ts';
import { ALL_VERBS, type ResourceDefinition, type Strategy } from './types.ts';

export interface BuiltinEntry
  extends Partial<
    Pick<
      ResourceDefinition,
      | 'shortNames'
      | 'categories'
      | 'verbs'
      | 'columns'
      | 'scale'
      | 'actions'
      | 'fieldSelectors'
      | 'virtual'
      | 'storage'
      | 'codec'
    >
  > {
  readonly group: string;
  readonly version?: string;
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  /** Declared type, e.g. `core/v1.Pod`. */
  readonly type: string;
  readonly clusterScoped?: boolean;
  readonly status?: boolean;
  readonly strategy: Strategy;
}

/** Completes one row of the table of built-in resources. */
export function defineBuiltin(entry: BuiltinEntry): ResourceDefinition {
  const { type, version = 'v1', clusterScoped = false, status = false } = entry;
  return {
    ...entry,
    version,
    singular: entry.singular ?? entry.kind.toLowerCase(),
    listKind: `${entry.kind}List`,
    namespaced: !clusterScoped,
    verbs: entry.verbs ?? ALL_VERBS,
    storage: entry.storage ?? qualified(entry),
    codec: entry.codec ?? {
      decode(body) {
        const { value, unknownFields, mismatch } = decodeTyped(type, body);
        return { object: value, unknownFields, ...(mismatch !== undefined && { mismatch }) };
      },
      schema: typedSchema(type),
      fromStorage: (objects) => objects,
      toStorage: (object) => object,
    },
    status,
    columns: entry.columns ?? defaultColumns,
    strategic: true,
    typeName: type,
  };
}
