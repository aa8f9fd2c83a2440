import { isRecord } from '@kubeedge-ts/apis';
import { badRequest } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import { type FieldError, invalid, invalidObject, notSupported } from './field-error.ts';
import { parseObjectBody } from './json-body.ts';

export type PropagationPolicy = 'Foreground' | 'Background' | 'Orphan';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: PropagationPolicy;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly dryRun: boolean;
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

/** From the body, if there is one, else from the query. @throws BadRequest, Invalid */
export async function deleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  const body = await request.body();
  if (body.length === 0) return checked(fromQuery(request.query));
  const parsed = parseObjectBody(body, request.header('content-type'), 'DeleteOptions');
  if (parsed['kind'] !== undefined && parsed['kind'] !== 'DeleteOptions') {
    throw badRequest(`no kind ${JSON.stringify(parsed['kind'])} is registered for delete options`);
  }
  return checked(parsed);
}

function fromQuery(query: URLSearchParams): Record<string, unknown> {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  return {
    ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    ...(orphan !== null && { orphanDependents: orphan === 'true' }),
    dryRun: query.getAll('dryRun'),
  };
}

function checked(raw: Record<string, unknown>): DeleteOptions {
  const { gracePeriodSeconds: grace, propagationPolicy: policy, preconditions, orphanDependents } = raw;
  const dryRun = raw['dryRun'];
  const errors: FieldError[] = [];
  if (grace !== undefined && grace !== null && !Number.isSafeInteger(grace)) {
    throw badRequest('gracePeriodSeconds must be an integer');
  }
  if (typeof policy === 'string' && !POLICIES.includes(policy)) {
    errors.push(notSupported('propagationPolicy', policy, [...POLICIES, 'nil']));
  }
  if (typeof policy === 'string' && typeof orphanDependents === 'boolean') {
    errors.push(
      invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  }
  const runs = Array.isArray(dryRun) ? dryRun.filter((value) => value !== '') : [];
  if (runs.some((value) => value !== 'All')) errors.push(notSupported('dryRun', runs[0], ['All']));
  if (errors.length > 0) throw invalidObject('meta.k8s.io', 'DeleteOptions', '', errors);
  const conditions = isRecord(preconditions) ? preconditions : {};
  const legacy =
    typeof orphanDependents === 'boolean' ? (orphanDependents ? 'Orphan' : 'Background') : undefined;
  const chosen = (typeof policy === 'string' ? policy : legacy) as PropagationPolicy | undefined;
  return {
    ...(typeof grace === 'number' && { gracePeriodSeconds: grace }),
    ...(chosen !== undefined && { propagationPolicy: chosen }),
    ...(typeof conditions['uid'] === 'string' && { uid: conditions['uid'] }),
    ...(typeof conditions['resourceVersion'] === 'string' && {
      resourceVersion: conditions['resourceVersion'],
    }),
    dryRun: runs.length > 0,
  };
}
