import type { KubeObject, ObjectMeta } from '../kubernetes/meta.ts';
import type { StructuralSchema, Typed } from './structural.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'date' | 'integer';
  readonly jsonPath: string;
  readonly priority?: number;
}

export interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly schema: { readonly openAPIV3Schema: StructuralSchema };
  readonly subresources?: { readonly status: Record<string, never> };
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
}

export type CrdConversion =
  | { readonly strategy: 'None' }
  | {
      readonly strategy: 'Webhook';
      readonly webhook: {
        readonly clientConfig: { readonly url: string; readonly caBundle?: string };
        readonly conversionReviewVersions: readonly ['v1'];
      };
    };

export interface CrdSpec {
  readonly group: string;
  readonly names: {
    readonly kind: string;
    readonly listKind: string;
    readonly plural: string;
    readonly singular: string;
  };
  readonly scope: 'Namespaced' | 'Cluster';
  readonly versions: readonly CrdVersion[];
  readonly conversion?: CrdConversion;
}

export interface CustomResourceDefinition extends KubeObject {
  metadata: ObjectMeta;
  spec: CrdSpec;
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

/** Marks the definitions that are ours to update; upstream's carry no such label. */
export const OWNED_LABEL = 'app.kubernetes.io/part-of';
export const OWNED_BY = 'kubeedge-ts';

export const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export interface VersionInit {
  readonly name: string;
  readonly storage?: boolean;
  readonly spec?: Typed<unknown>;
  readonly status?: Typed<unknown>;
  /** `status` is a subresource. */
  readonly statusSubresource?: boolean;
  readonly columns?: readonly PrinterColumn[];
}

export interface CrdInit {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly versions: readonly VersionInit[];
  readonly conversion?: CrdConversion;
}

/** Builds the `apiextensions.k8s.io/v1` object of one custom resource. */
export function customResourceDefinition(init: CrdInit): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${init.plural}.${init.group}`, labels: { [OWNED_LABEL]: OWNED_BY } },
    spec: {
      group: init.group,
      names: {
        kind: init.kind,
        listKind: `${init.kind}List`,
        plural: init.plural,
        singular: init.kind.toLowerCase(),
      },
      scope: init.namespaced ? 'Namespaced' : 'Cluster',
      versions: init.versions.map(version),
      ...(init.conversion ? { conversion: init.conversion } : {}),
    },
  };
}

function version(init: VersionInit): CrdVersion {
  return {
    name: init.name,
    served: true,
    storage: init.storage ?? false,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { type: 'object' },
          ...(init.spec ? { spec: init.spec.schema } : {}),
          ...(init.status ? { status: init.status.schema } : {}),
        },
      },
    },
    ...(init.statusSubresource ? { subresources: { status: {} } } : {}),
    additionalPrinterColumns: [...(init.columns ?? []), AGE],
  };
}
