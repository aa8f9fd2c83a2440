import type { UnknownObject } from '@kubeedge-ts/apis';
import type { Clock, Random } from '@kubeedge-ts/runtime';
import type { UserInfo } from '../rest/api-request.ts';
import type { FieldError } from '../rest/field-error.ts';
import type { FieldSchema } from '../schema/field-schema.ts';
import type { ObjectStore } from '../storage/index.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

export type JsonObject = Record<string, unknown>;

/** What decoding a body found: fields the type does not know are dropped and named. */
export interface DecodedBody {
  readonly object: JsonObject;
  readonly unknownFields: readonly string[];
  /** The body cannot be this type at all (400). */
  readonly mismatch?: string;
}

/** Between the wire form of one version and the stored form. */
export interface Codec {
  decode(body: JsonObject): DecodedBody;
  readonly schema: FieldSchema;
  /** Stored → this version, in order. */
  fromStorage(
    objects: readonly UnknownObject[],
  ): readonly UnknownObject[] | Promise<readonly UnknownObject[]>;
  /** This version → stored. */
  toStorage(object: UnknownObject): UnknownObject | Promise<UnknownObject>;
}

/** What strategies may look at. */
export interface StrategyContext {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Who asks; absent for what the server does of its own accord. */
  readonly user?: UserInfo;
}

/** A subresource that is the object with a part open to change. */
export interface PartStrategy {
  /** The object as stored, with what may be changed taken from what was sent; default: the status. */
  content?(sent: UnknownObject, old: UnknownObject): UnknownObject;
  /** Admission and what is decided by the server; may change the object or refuse it by throwing. */
  prepare?(next: UnknownObject, old: UnknownObject, context: StrategyContext): void;
  validate?(next: UnknownObject, old: UnknownObject): FieldError[];
}

/**
 * What is particular to one resource. Functions that are handed an object may change it: it is a private copy.
 * Everything generic (metadata, versions, field ownership, dry run) happens around them.
 */
export interface Strategy {
  /** The object counts versions of its spec in metadata.generation. */
  readonly generation?: boolean;
  /** An update without resourceVersion replaces whatever is there. */
  readonly unconditionalUpdate?: boolean;
  /** A finished delete answers with the object instead of a Status. */
  readonly returnsDeleted?: boolean;
  readonly nameRule?: NameRule;
  /** Fills fields that were left out; runs on every write. */
  defaults?(object: UnknownObject): void;
  /** Admission: may change the object or refuse it by throwing. Runs before prepareForCreate. */
  admit?(object: UnknownObject, context: StrategyContext): void;
  prepareForCreate?(object: UnknownObject, context: StrategyContext): void;
  prepareForUpdate?(next: UnknownObject, old: UnknownObject, context: StrategyContext): void;
  validate?(object: UnknownObject): FieldError[];
  validateUpdate?(next: UnknownObject, old: UnknownObject): FieldError[];
  /** Validation of the status subresource. */
  validateStatus?(next: UnknownObject): FieldError[];
  /** Rules of `status`, and further subresources of that kind; those are declared as actions too. */
  readonly parts?: Readonly<Record<string, PartStrategy>>;
  /** Status of a new object; by default none. `keep` takes what was sent. */
  readonly initialStatus?: 'keep' | ((object: UnknownObject) => unknown);
  /** After the object is stored; for what must exist at once because of it. */
  afterCreate?(object: UnknownObject, context: StrategyContext): void;
  /** After the object is gone. */
  afterDelete?(object: UnknownObject, context: StrategyContext): void;
  /** Seconds of graceful deletion; 0 removes at once. `asked` comes from the delete options. */
  gracePeriod?(object: UnknownObject, asked: number | undefined): number;
  /** Runs when a deletion begins, e.g. to set a phase. */
  beginDelete?(object: UnknownObject, context: StrategyContext): void;
  /** A deletion sets deletionTimestamp and neither grace period nor generation. */
  readonly plainDeletion?: boolean;
  /** True when nothing but metadata.finalizers keeps a deleted object; default true. */
  readyToRemove?(object: UnknownObject): boolean;
}

export type NameRule = 'subdomain' | 'label' | 'service' | 'path-segment';

/** Where the scale subresource finds its numbers. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** The selector as text, for status.selector. */
  selector(object: UnknownObject): string | undefined;
}

/** A subresource other than status and scale, as discovery names it. */
export interface ActionSubresource {
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly Verb[];
}

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  cell(object: UnknownObject, nowMs: number): string | number | boolean | null;
}

/** One resource in one served version. */
export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs: readonly Verb[];
  /** Key of the objects in the store. */
  readonly storage: string;
  readonly codec: Codec;
  readonly strategy: Strategy;
  readonly status: boolean;
  readonly scale?: ScalePaths;
  readonly actions?: Readonly<Record<string, ActionSubresource>>;
  /** Nothing is stored: what is asked for is found out at once. */
  readonly virtual?: boolean;
  readonly columns: readonly Column[];
  /** Field selectors besides metadata.name and metadata.namespace. */
  readonly fieldSelectors?: Readonly<Record<string, (object: UnknownObject) => string>>;
  /** Accepts strategic merge patches. */
  readonly strategic: boolean;
  /** Name of the declared type, for the OpenAPI documents. */
  readonly typeName?: string;
  /** openAPIV3Schema of a custom resource. */
  readonly openApiSchema?: JsonObject;
}

/** `v1` or `group/version` of a definition. */
export function groupVersion(definition: { readonly group: string; readonly version: string }): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
