import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { records } from '../registry/pod-defaults.ts';
import type { JsonObject } from '../registry/types.ts';
import type { Structural } from './structural-schema.ts';

export const CRD_STORAGE = 'customresourcedefinitions.apiextensions.k8s.io';
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/** The parts of a CustomResourceDefinition that serving needs. */
export interface CustomResource {
  readonly name: string;
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly versions: readonly CustomVersion[];
  readonly storageVersion: string;
  readonly webhook?: ConversionWebhook;
  readonly deleting: boolean;
}

export interface CustomVersion {
  readonly name: string;
  readonly served: boolean;
  readonly schema: Structural | undefined;
  readonly status: boolean;
  readonly scale: JsonObject | undefined;
  readonly columns: readonly JsonObject[];
  readonly selectableFields: readonly string[];
}

/** Where objects are converted between versions. */
export interface ConversionWebhook {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path: string;
    readonly port: number;
  };
  /** PEM. */
  readonly ca?: string;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Reads a stored, validated CustomResourceDefinition. */
export function readCustomResource(object: UnknownObject): CustomResource {
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  const names = isRecord(spec['names']) ? spec['names'] : {};
  const versions = records(spec['versions']);
  const conversion = isRecord(spec['conversion']) ? spec['conversion'] : {};
  const webhook = conversion['strategy'] === 'Webhook' ? readWebhook(conversion) : undefined;
  return {
    name: object.metadata.name,
    group: text(spec['group']),
    plural: text(names['plural']),
    singular: text(names['singular']),
    kind: text(names['kind']),
    listKind: text(names['listKind']),
    shortNames: texts(names['shortNames']),
    categories: texts(names['categories']),
    namespaced: spec['scope'] === 'Namespaced',
    versions: versions.map(readVersion),
    storageVersion: text(versions.find((version) => version['storage'] === true)?.['name']),
    ...(webhook !== undefined && { webhook }),
    deleting: object.metadata.deletionTimestamp !== undefined,
  };
}

function readVersion(version: JsonObject): CustomVersion {
  const validation = isRecord(version['schema']) ? version['schema'] : {};
  const schema = validation['openAPIV3Schema'];
  const subresources = isRecord(version['subresources']) ? version['subresources'] : {};
  return {
    name: text(version['name']),
    served: version['served'] === true,
    schema: isRecord(schema) ? schema : undefined,
    status: isRecord(subresources['status']),
    scale: isRecord(subresources['scale']) ? subresources['scale'] : undefined,
    columns: records(version['additionalPrinterColumns']),
    selectableFields: records(version['selectableFields']).map((field) => text(field['jsonPath'])),
  };
}

function readWebhook(conversion: JsonObject): ConversionWebhook | undefined {
  const webhook = isRecord(conversion['webhook']) ? conversion['webhook'] : {};
  const config = isRecord(webhook['clientConfig']) ? webhook['clientConfig'] : {};
  const service = isRecord(config['service']) ? config['service'] : undefined;
  const bundle = text(config['caBundle']);
  return {
    ...(text(config['url']) !== '' && { url: text(config['url']) }),
    ...(service && {
      service: {
        namespace: text(service['namespace']),
        name: text(service['name']),
        path: text(service['path']) || '/',
        port: typeof service['port'] === 'number' ? service['port'] : 443,
      },
    }),
    ...(bundle !== '' && { ca: Buffer.from(bundle, 'base64').toString('utf8') }),
  };
}
