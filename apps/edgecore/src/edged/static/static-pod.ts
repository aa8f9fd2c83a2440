import { createHash } from 'node:crypto';
import { isRecord, type Pod } from '@kubeedge-ts/apis';
import { edgedErrors } from '@kubeedge-ts/errors';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE } from '../pod/spec.ts';

export interface ManifestOrigin {
  /** Full path. */
  readonly file: string;
  readonly nodeName: string;
  /** When this content was first seen, ms since the epoch. */
  readonly seenAt: number;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * The pod a manifest describes, as it runs on this node (spec/edged.md §14): bound, named after the node, with the
 * defaults an API server would have given it. Its uid is a hash of content, node and file, so a changed manifest is
 * another pod. @throws KubeEdgeError EDGED_MANIFEST
 */
export function staticPodOf(value: unknown, { file, nodeName, seenAt }: ManifestOrigin): Pod {
  const refuse = (problem: string) => edgedErrors.create('EDGED_MANIFEST', { file, problem });
  if (!isRecord(value)) throw refuse('holds no object');
  if (value['kind'] !== 'Pod' || value['apiVersion'] !== 'v1') {
    throw refuse(
      `holds ${String(value['apiVersion'])} ${String(value['kind'])}, only a v1 Pod can be static`,
    );
  }
  const { metadata, spec } = value;
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string' || !DNS_SUBDOMAIN.test(metadata['name'])) {
    throw refuse('metadata.name is missing or no DNS name');
  }
  if (!isRecord(spec)) throw refuse('spec is missing');
  checkContainers(spec['containers'], refuse);
  const { namespace = 'default', annotations = {}, labels = {} } = metadata;
  if (typeof namespace !== 'string' || !DNS_LABEL.test(namespace))
    throw refuse('metadata.namespace is no name');
  if (!isRecord(annotations) || !isRecord(labels)) throw refuse('labels and annotations must be maps');
  const uid =
    typeof metadata['uid'] === 'string' && metadata['uid'] !== ''
      ? metadata['uid']
      : hashOf(value, file, nodeName);
  const tolerations = Array.isArray(spec['tolerations']) ? spec['tolerations'] : [];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${metadata['name']}-${nodeName}`,
      namespace,
      uid,
      creationTimestamp: rfc3339(seenAt),
      labels: labels as Record<string, string>,
      annotations: {
        ...(annotations as Record<string, string>),
        [CONFIG_HASH]: uid,
        [CONFIG_SEEN]: rfc3339(seenAt),
        [CONFIG_SOURCE]: 'file',
      },
    },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      securityContext: {},
      schedulerName: 'default-scheduler',
      ...(spec as unknown as NonNullable<Pod['spec']>),
      nodeName,
      tolerations: [...tolerations, { operator: 'Exists', effect: 'NoExecute' }],
    },
    status: { phase: 'Pending' },
  };
}

function checkContainers(containers: unknown, refuse: (problem: string) => Error): void {
  if (!Array.isArray(containers) || containers.length === 0)
    throw refuse('spec.containers is missing or empty');
  for (const [index, container] of containers.entries()) {
    const at = `spec.containers[${index}]`;
    if (!isRecord(container)) throw refuse(`${at} is no object`);
    if (typeof container['name'] !== 'string' || !DNS_LABEL.test(container['name'])) {
      throw refuse(`${at}.name is missing or no DNS label`);
    }
    if (typeof container['image'] !== 'string' || container['image'] === '')
      throw refuse(`${at}.image is missing`);
  }
}

function hashOf(value: object, file: string, nodeName: string): string {
  return createHash('md5')
    .update(JSON.stringify(value))
    .update(`host:${nodeName}`)
    .update(`file:${file}`)
    .digest('hex');
}
