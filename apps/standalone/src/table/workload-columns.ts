import type { UnknownObject } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import {
  ageColumn,
  at,
  column,
  labelText,
  listAt,
  nameColumn,
  numberAt,
  orNone,
  selectorText,
  textAt,
  wide,
} from './column.ts';
import { ageOf, humanDuration } from './duration.ts';

const templateColumns: readonly Column[] = [
  wide('Containers', 'Names of the containers in the template.', (object) =>
    containers(object, ['spec', 'template', 'spec'], 'name'),
  ),
  wide('Images', 'Images of the containers in the template.', (object) =>
    containers(object, ['spec', 'template', 'spec'], 'image'),
  ),
];
const selectorColumn = wide('Selector', 'Label selector of its pods.', (object) =>
  orNone(selectorText(at(object, 'spec', 'selector'))),
);

function containers(object: UnknownObject, path: readonly string[], field: string): string {
  return listAt(object, ...path, 'containers')
    .map((container) => String(container[field] ?? ''))
    .join(',');
}

function count(name: string, description: string, ...path: string[]): Column {
  return column(name, description, (object) => numberAt(object, ...path), 'integer');
}

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column(
    'Ready',
    'Ready pods, out of those wanted.',
    (object) => `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, 'spec', 'replicas')}`,
  ),
  column('Up-to-date', 'Pods with the newest template.', (object) =>
    numberAt(object, 'status', 'updatedReplicas'),
  ),
  column('Available', 'Pods that have been ready long enough.', (object) =>
    numberAt(object, 'status', 'availableReplicas'),
  ),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  count('Desired', 'Pods wanted.', 'spec', 'replicas'),
  count('Current', 'Pods that exist.', 'status', 'replicas'),
  count('Ready', 'Pods that are ready.', 'status', 'readyReplicas'),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  count('Desired', 'Nodes that should run the pod.', 'status', 'desiredNumberScheduled'),
  count('Current', 'Nodes that run it.', 'status', 'currentNumberScheduled'),
  count('Ready', 'Nodes where it is ready.', 'status', 'numberReady'),
  count('Up-to-date', 'Nodes with the newest template.', 'status', 'updatedNumberScheduled'),
  count('Available', 'Nodes where it is available.', 'status', 'numberAvailable'),
  column('Node Selector', 'Nodes it is for.', (object) =>
    orNone(labelText(at(object, 'spec', 'template', 'spec', 'nodeSelector'))),
  ),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const statefulSetColumns: readonly Column[] = [
  nameColumn,
  column(
    'Ready',
    'Ready pods, out of those wanted.',
    (object) => `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, 'spec', 'replicas')}`,
  ),
  ageColumn,
  ...templateColumns,
];

export const jobColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'How far the job is.', jobStatus),
  column(
    'Completions',
    'Finished pods, out of those wanted.',
    (object) => `${numberAt(object, 'status', 'succeeded')}/${textAt(object, 'spec', 'completions') || '1'}`,
  ),
  column('Duration', 'Time the job took.', jobDuration),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

function jobStatus(job: UnknownObject): string {
  const condition = (type: string): boolean =>
    listAt(job, 'status', 'conditions').some((c) => c['type'] === type && c['status'] === 'True');
  if (condition('Complete')) return 'Complete';
  if (condition('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return condition('Suspended') ? 'Suspended' : 'Running';
}

function jobDuration(job: UnknownObject, nowMs: number): string {
  const started = Date.parse(textAt(job, 'status', 'startTime'));
  const ended = Date.parse(textAt(job, 'status', 'completionTime'));
  if (Number.isNaN(started)) return '';
  return humanDuration((Number.isNaN(ended) ? nowMs : ended) - started);
}

export const cronJobColumns: readonly Column[] = [
  nameColumn,
  column('Schedule', 'When it runs, in cron form.', (object) => textAt(object, 'spec', 'schedule')),
  column('Timezone', 'Time zone of the schedule.', (object) => orNone(textAt(object, 'spec', 'timeZone'))),
  column('Suspend', 'Whether it is paused.', (object) =>
    textAt(object, 'spec', 'suspend') === 'true' ? 'True' : 'False',
  ),
  column('Active', 'Jobs that run now.', (object) => listAt(object, 'status', 'active').length, 'integer'),
  column('Last Schedule', 'Time since the last run.', (object, nowMs) => {
    const last = textAt(object, 'status', 'lastScheduleTime');
    return last === '' ? '<none>' : ageOf(last, nowMs);
  }),
  ageColumn,
];
