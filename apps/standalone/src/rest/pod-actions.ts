import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { records } from '../registry/pod-defaults.ts';
import type { JsonObject } from '../registry/types.ts';
import { decodeTyped } from '../schema/decode-typed.ts';
import { badRequest, conflict } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { deleteObject } from './delete.ts';
import { invalid, invalidObject, required } from './field-error.ts';
import { parseObjectBody } from './json-body.ts';
import { requireStored } from './stored.ts';

const DONE = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as const;

/** POST pods/binding: the scheduler's decision. */
export async function bindPod(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { info, definition } = request;
  const body = parseObjectBody(await request.body(), request.header('content-type'), 'Binding');
  const { value: binding, mismatch } = decodeTyped('core/v1.Binding', body);
  if (mismatch !== undefined) {
    throw badRequest(`Binding in version "v1" cannot be handled as a Binding: ${mismatch}`);
  }
  const target = isRecord(binding['target']) ? binding['target'] : {};
  const node = String(target['name'] ?? '');
  if (node === '') throw invalidObject('', 'Binding', info.name, [required('target.name')]);
  if (target['kind'] !== undefined && target['kind'] !== 'Node') {
    throw invalidObject('', 'Binding', info.name, [invalid('target.kind', target['kind'], 'must be "Node"')]);
  }
  const stored = requireStored(context.store, definition, info);
  const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, info.name, why);
  if (stored.object.metadata.deletionTimestamp !== undefined) {
    throw refuse(`pod ${info.name} is being deleted, cannot be assigned to a host`);
  }
  const sent = isRecord(binding['metadata']) ? binding['metadata'] : {};
  if (typeof sent['uid'] === 'string' && sent['uid'] !== stored.object.metadata.uid) {
    throw refuse(
      `Precondition failed: UID in precondition: ${sent['uid']}, UID in object meta: ${stored.object.metadata.uid}`,
    );
  }
  const pod = structuredClone(stored.object);
  const spec = pod['spec'] as JsonObject;
  if (spec['nodeName'])
    throw refuse(`pod ${info.name} is already assigned to node ${JSON.stringify(spec['nodeName'])}`);
  spec['nodeName'] = node;
  setCondition(pod, { type: 'PodScheduled', status: 'True' }, rfc3339(context.clock.now()));
  if (request.query.getAll('dryRun').includes('All')) return { status: 201, body: DONE };
  if (context.store.update(stored.key, stored.revision, pod) === undefined) {
    throw conflict(definition, info.name);
  }
  return { status: 201, body: DONE };
}

/** POST pods/eviction: a graceful deletion that says why. Disruption budgets are not evaluated. */
export async function evictPod(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { info, definition } = request;
  const body = parseObjectBody(await request.body(), request.header('content-type'), 'Eviction');
  const options = isRecord(body['deleteOptions']) ? body['deleteOptions'] : {};
  const stored = requireStored(context.store, definition, info);
  const pod = structuredClone(stored.object);
  setCondition(
    pod,
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    },
    rfc3339(context.clock.now()),
  );
  const dryRuns = [
    ...request.query.getAll('dryRun'),
    ...(Array.isArray(options['dryRun']) ? options['dryRun'] : []),
  ];
  if (dryRuns.includes('All')) return { status: 201, body: DONE };
  const marked = context.store.update(stored.key, stored.revision, pod);
  if (marked === undefined) throw conflict(definition, info.name);
  const grace = options['gracePeriodSeconds'];
  deleteObject(context, definition, marked, {
    dryRun: false,
    ...(typeof grace === 'number' && { gracePeriodSeconds: grace }),
  });
  return { status: 201, body: DONE };
}

/** Sets a pod condition in place; the transition time moves only when the status does. */
function setCondition(pod: UnknownObject, condition: JsonObject, now: string): void {
  if (!isRecord(pod['status'])) pod['status'] = {};
  const status = pod['status'] as JsonObject;
  const conditions = records(status['conditions']);
  const existing = conditions.find((other) => other['type'] === condition['type']);
  const same = existing?.['status'] === condition['status'];
  const next = {
    type: condition['type'],
    status: condition['status'],
    lastProbeTime: null,
    lastTransitionTime: same ? existing?.['lastTransitionTime'] : now,
    ...condition,
  };
  status['conditions'] =
    existing === undefined
      ? [...conditions, next]
      : conditions.map((other) => (other === existing ? next : other));
}
