import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { matchesLabelSelector, sameJson } from '@kubeedge-ts/kube';
import { type FieldError, invalid, invalidLiteral, notSupported, required } from '../rest/field-error.ts';
import { validateLabels } from '../rest/metadata.ts';
import { selectorText } from '../table/column.ts';
import { defaultPodTemplate, fallback } from './pod-defaults.ts';
import { validatePodSpec } from './pod-validation.ts';
import type { JsonObject, ScalePaths, Strategy } from './types.ts';

function specOf(object: UnknownObject): JsonObject {
  if (!isRecord(object['spec'])) object['spec'] = {};
  return object['spec'] as JsonObject;
}

function templateOf(object: UnknownObject): JsonObject {
  const template = specOf(object)['template'];
  return isRecord(template) ? template : {};
}

function templateLabels(object: UnknownObject): Record<string, string> {
  const metadata = templateOf(object)['metadata'];
  const labels = isRecord(metadata) ? metadata['labels'] : undefined;
  return isRecord(labels) ? (labels as Record<string, string>) : {};
}

function validateWorkload(object: UnknownObject): FieldError[] {
  const spec = specOf(object);
  const errors: FieldError[] = [];
  const replicas = spec['replicas'];
  if (typeof replicas === 'number' && replicas < 0) {
    errors.push(invalid('spec.replicas', replicas, 'must be greater than or equal to 0'));
  }
  const { selector } = spec;
  const empty = isRecord(selector) && !selector['matchLabels'] && !selector['matchExpressions'];
  if (!isRecord(selector)) errors.push(required('spec.selector'));
  else if (empty) {
    errors.push(
      invalidLiteral(
        'spec.selector',
        '{}',
        `empty selector is invalid for ${object.kind?.toLowerCase() ?? 'workload'}`,
      ),
    );
  } else if (!matchesLabelSelector(selector, templateLabels(object))) {
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        templateLabels(object),
        '`selector` does not match template `labels`',
      ),
    );
  }
  errors.push(...validateLabels(templateLabels(object), 'spec.template.metadata.labels'));
  const podSpec = templateOf(object)['spec'];
  errors.push(...validatePodSpec(podSpec, 'spec.template.spec'));
  const policy = isRecord(podSpec) ? podSpec['restartPolicy'] : undefined;
  if (policy === 'OnFailure' || policy === 'Never') {
    errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  return errors;
}

function selectorUnchanged(next: UnknownObject, old: UnknownObject): FieldError[] {
  const [after, before] = [specOf(next)['selector'], specOf(old)['selector']];
  return sameJson(after, before)
    ? []
    : [invalidLiteral('spec.selector', goSelector(after), 'field is immutable')];
}

/** A label selector as Go prints it in messages. */
function goSelector(selector: unknown): string {
  const labels = isRecord(selector) && isRecord(selector['matchLabels']) ? selector['matchLabels'] : {};
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const map = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(', ');
  return `v1.LabelSelector{MatchLabels:map[string]string{${map}}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}`;
}

const common = {
  generation: true,
  unconditionalUpdate: true,
  initialStatus: () => ({}),
  validate: validateWorkload,
  validateUpdate: selectorUnchanged,
} satisfies Partial<Strategy>;

/** maxUnavailable and maxSurge, as percentages unless given. */
function defaultRollingUpdate(strategy: JsonObject, maxSurge: unknown, maxUnavailable: unknown): void {
  if (strategy['type'] !== 'RollingUpdate') return;
  fallback(strategy, 'rollingUpdate', {});
  const rolling = strategy['rollingUpdate'];
  if (!isRecord(rolling)) return;
  fallback(rolling, 'maxUnavailable', maxUnavailable);
  fallback(rolling, 'maxSurge', maxSurge);
}

export const deploymentStrategy: Strategy = {
  ...common,
  defaults(object) {
    const spec = specOf(object);
    fallback(spec, 'replicas', 1);
    fallback(spec, 'strategy', {});
    const strategy = spec['strategy'] as JsonObject;
    fallback(strategy, 'type', 'RollingUpdate');
    defaultRollingUpdate(strategy, '25%', '25%');
    fallback(spec, 'revisionHistoryLimit', 10);
    fallback(spec, 'progressDeadlineSeconds', 600);
    defaultPodTemplate(spec);
  },
};

export const replicaSetStrategy: Strategy = {
  ...common,
  initialStatus: () => ({ replicas: 0 }),
  defaults(object) {
    fallback(specOf(object), 'replicas', 1);
    defaultPodTemplate(specOf(object));
  },
};

export const daemonSetStrategy: Strategy = {
  ...common,
  initialStatus: () => ({
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  }),
  defaults(object) {
    const spec = specOf(object);
    fallback(spec, 'updateStrategy', {});
    const strategy = spec['updateStrategy'] as JsonObject;
    fallback(strategy, 'type', 'RollingUpdate');
    defaultRollingUpdate(strategy, 0, 1);
    fallback(spec, 'revisionHistoryLimit', 10);
    defaultPodTemplate(spec);
  },
};

export const statefulSetStrategy: Strategy = {
  ...common,
  initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
  defaults(object) {
    const spec = specOf(object);
    fallback(spec, 'replicas', 1);
    fallback(spec, 'podManagementPolicy', 'OrderedReady');
    fallback(spec, 'updateStrategy', {});
    const strategy = spec['updateStrategy'] as JsonObject;
    fallback(strategy, 'type', 'RollingUpdate');
    if (strategy['type'] === 'RollingUpdate') fallback(strategy, 'rollingUpdate', { partition: 0 });
    fallback(spec, 'revisionHistoryLimit', 10);
    fallback(spec, 'persistentVolumeClaimRetentionPolicy', { whenDeleted: 'Retain', whenScaled: 'Retain' });
    defaultPodTemplate(spec);
  },
};

/** Scale of Deployments, ReplicaSets and StatefulSets. */
export const workloadScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: (object) => selectorText(specOf(object)['selector']),
};
