import * as z from 'zod/mini';
import { isRecord } from '../json.ts';
import { anything } from './fields.ts';

const opt = z.optional;

/** What `modules.edged` looked like up to 1.11 (spec/keadm-and-config.md §4.2); the other modules did not change. */
const edgedV1alpha1 = z.strictObject({
  enable: opt(z.boolean()),
  labels: opt(z.record(z.string(), z.string())),
  annotations: opt(z.record(z.string(), z.string())),
  taints: opt(z.array(z.looseObject({}))),
  nodeStatusUpdateFrequency: opt(z.int()),
  runtimeType: opt(z.string()),
  dockerAddress: opt(z.string()),
  remoteRuntimeEndpoint: opt(z.string()),
  remoteImageEndpoint: opt(z.string()),
  nodeIP: opt(z.string()),
  clusterDNS: opt(z.string()),
  clusterDomain: opt(z.string()),
  edgedMemoryCapacity: opt(z.int()),
  podSandboxImage: opt(z.string()),
  imagePullProgressDeadline: opt(z.int()),
  runtimeRequestTimeout: opt(z.int()),
  hostnameOverride: opt(z.string()),
  registerNode: opt(z.boolean()),
  registerNodeNamespace: opt(z.string()),
  interfaceName: opt(z.string()),
  customInterfaceName: opt(z.string()),
  concurrentConsumers: opt(z.int()),
  devicePluginEnabled: opt(z.boolean()),
  gpuPluginEnabled: opt(z.boolean()),
  imageGCHighThreshold: opt(z.int()),
  imageGCLowThreshold: opt(z.int()),
  maximumDeadContainersPerPod: opt(z.int()),
  cgroupDriver: opt(z.string()),
  networkPluginName: opt(z.string()),
  cniConfDir: opt(z.string()),
  cniBinDir: opt(z.string()),
  cniCacheDirs: opt(z.string()),
  networkPluginMTU: opt(z.int()),
  cgroupsPerQOS: opt(z.boolean()),
  cgroupRoot: opt(z.string()),
  edgeCoreCgroups: opt(z.string()),
  systemCgroups: opt(z.string()),
  volumeStatsAggPeriod: opt(anything),
  enableMetrics: opt(z.boolean()),
  maxPods: opt(z.int()),
  volumePluginDir: opt(z.string()),
});

export interface Issue {
  readonly path: string;
  readonly problem: string;
}

/**
 * Rewrites an edgecore.yaml of `v1alpha1` to the form of `v1alpha2`. Fields without a meaning here are named in
 * `warnings`; fields of a wrong type or name come back as `issues`.
 */
export function upgradeEdgeCoreV1alpha1(file: Record<string, unknown>): {
  readonly file: Record<string, unknown>;
  readonly warnings: readonly string[];
  readonly issues: readonly Issue[];
} {
  const modules = isRecord(file['modules']) ? file['modules'] : {};
  const parsed = edgedV1alpha1.safeParse(isRecord(modules['edged']) ? modules['edged'] : {});
  if (!parsed.success) {
    return {
      file,
      warnings: [],
      issues: parsed.error.issues.flatMap((issue) => issuesOf(issue, 'modules.edged')),
    };
  }
  const old = parsed.data;
  const warnings: string[] = [];
  const runtime =
    old.runtimeType !== 'docker' &&
    old.remoteRuntimeEndpoint &&
    !old.remoteRuntimeEndpoint.includes('dockershim')
      ? old.remoteRuntimeEndpoint
      : undefined;
  if (runtime === undefined) {
    warnings.push(
      'modules.edged.runtimeType: docker is not supported any more; containerd at its default endpoint is used',
    );
  }
  const kubelet = defined({
    containerRuntimeEndpoint: runtime,
    imageServiceEndpoint: runtime === undefined ? undefined : old.remoteImageEndpoint,
    clusterDNS: old.clusterDNS ? [old.clusterDNS] : undefined,
    clusterDomain: old.clusterDomain || undefined,
    cgroupDriver: old.cgroupDriver,
    cgroupRoot: old.cgroupRoot,
    cgroupsPerQOS: old.cgroupsPerQOS,
    nodeStatusUpdateFrequency: old.nodeStatusUpdateFrequency
      ? `${old.nodeStatusUpdateFrequency}s`
      : undefined,
    registerWithTaints: old.taints,
    registerNode: old.registerNode,
    maxPods: old.maxPods,
    imageGCHighThresholdPercent: old.imageGCHighThreshold,
    imageGCLowThresholdPercent: old.imageGCLowThreshold,
  });
  const edged = defined({
    enable: old.enable,
    hostnameOverride: old.hostnameOverride,
    nodeIP: old.nodeIP,
    nodeLabels: old.labels,
    podSandboxImage: old.podSandboxImage,
    maxPerPodContainerCount: old.maximumDeadContainersPerPod,
    registerNodeNamespace: old.registerNodeNamespace,
    customInterfaceName: old.customInterfaceName,
    tailoredKubeletConfig: kubelet,
  });
  return {
    file: {
      ...file,
      apiVersion: 'edgecore.config.kubeedge.io/v1alpha2',
      modules: { ...modules, edged },
    },
    warnings,
    issues: [],
  };
}

/** Flattens one zod issue into paths. */
export function issuesOf(issue: z.core.$ZodIssue, prefix = ''): Issue[] {
  const path = [...(prefix ? [prefix] : []), ...issue.path.map(String)].join('.') || '(root)';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: path === '(root)' ? key : `${path}.${key}`,
      problem: 'no release has this field',
    }));
  }
  return [{ path, problem: problemOf(issue) }];
}

/** zod/mini carries no texts of its own, and all locales together cost the edge 10 MB. */
function problemOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `not of type ${issue.expected}`;
    case 'too_small':
      return `less than ${issue.minimum}`;
    case 'too_big':
      return `more than ${issue.maximum}`;
    default:
      return issue.message === 'Invalid input' ? issue.code.replaceAll('_', ' ') : issue.message;
  }
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
