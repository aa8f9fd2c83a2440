import { isRecord, type KubeList, type UnknownObject } from '@kubeedge-ts/apis';
import type { ResourceDefinition } from '../registry/types.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The `includeObject` parameter; kubectl asks for `Object`, the default is `Metadata`. */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

export interface TableOptions {
  readonly include: IncludeObject;
  readonly nowMs: number;
  /** Later events of a watch leave the columns out. */
  readonly withColumns: boolean;
}

/** `meta.k8s.io/v1` Table of one object or a list. */
export function tableOf(
  definition: ResourceDefinition,
  content: UnknownObject | KubeList<UnknownObject>,
  options: TableOptions,
): unknown {
  const list = isList(content);
  const objects = list ? content.items : [content];
  const { resourceVersion } = content.metadata;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: list ? content.metadata : { ...(resourceVersion && { resourceVersion }) },
    columnDefinitions: options.withColumns
      ? definition.columns.map(({ name, type, format, description, priority }) => ({
          name,
          type,
          format: format ?? '',
          description,
          priority,
        }))
      : null,
    rows: objects.map((object) => ({
      cells: definition.columns.map((column) => column.cell(object, options.nowMs)),
      ...(options.include !== 'None' && {
        object: options.include === 'Object' ? whole(definition, object) : partialObject(object),
      }),
    })),
  };
}

/** The object's metadata as `PartialObjectMetadata`. */
export function partialObject(object: UnknownObject): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** One object or a list reduced to metadata. */
export function partialOf(content: UnknownObject | KubeList<UnknownObject>): unknown {
  if (!isList(content)) return partialObject(content);
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata: content.metadata,
    items: content.items.map(partialObject),
  };
}

function isList(content: unknown): content is KubeList<UnknownObject> {
  return (
    isRecord(content) && Array.isArray(content['items']) && String(content['kind'] ?? '').endsWith('List')
  );
}

function whole(definition: ResourceDefinition, object: UnknownObject): unknown {
  const apiVersion =
    definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
  return { kind: definition.kind, apiVersion, ...object };
}
