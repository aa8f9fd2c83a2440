import { isRecord } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import {
  type BoundObject,
  DEFAULT_AUDIENCE,
  type ServiceAccountTokens,
} from '../auth/service-account-tokens.ts';
import { afterUpdate } from '../patch/managed-fields.ts';
import { decodeTyped } from '../schema/decode-typed.ts';
import { typedSchema } from '../schema/field-schema.ts';
import { badRequest, conflict, notFound } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from './api-request.ts';
import { invalid, invalidObject } from './field-error.ts';
import { parseObjectBody } from './json-body.ts';
import { requireStored } from './stored.ts';
import { writeOptions } from './write-options.ts';

const TYPE = 'authentication/v1.TokenRequest';
const GROUP = 'authentication.k8s.io';
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;

/** POST serviceaccounts/token: a signed token, perhaps bound to a pod or secret. */
export function tokenRequestHandler(tokens: ServiceAccountTokens) {
  return async (context: ApiContext, request: ApiRequest): Promise<ApiResponse> => {
    const { info, definition } = request;
    const body = parseObjectBody(await request.body(), request.header('content-type'), 'TokenRequest');
    const { value, mismatch } = decodeTyped(TYPE, body);
    if (mismatch !== undefined) {
      throw badRequest(`TokenRequest in version "v1" cannot be handled as a TokenRequest: ${mismatch}`);
    }
    const options = writeOptions(request.query, request.header('user-agent'), 'CreateOptions');
    const account = requireStored(context.store, definition, info);
    const spec = isRecord(value['spec']) ? value['spec'] : {};
    const asked = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : [];
    const audiences = asked.length > 0 ? asked : [DEFAULT_AUDIENCE];
    const expirationSeconds = checkedSeconds(spec['expirationSeconds']);
    const reference = isRecord(spec['boundObjectRef']) ? spec['boundObjectRef'] : undefined;
    const bound = reference && boundObject(context, reference, info.namespace);

    const { token, expiresAtMs } = await tokens.issue(
      { namespace: info.namespace, name: info.name, uid: account.object.metadata.uid ?? '' },
      {
        audiences,
        expirationSeconds,
        ...(bound && { bound: bound.object }),
        ...(bound?.node && { node: bound.node }),
      },
    );
    const now = rfc3339(context.clock.now());
    const managedFields = afterUpdate(undefined, { spec: { expirationSeconds } }, typedSchema(TYPE), {
      manager: options.fieldManager,
      operation: 'Update',
      apiVersion: `${GROUP}/v1`,
      time: now,
      subresource: 'token',
    });
    return {
      status: 201,
      body: {
        kind: 'TokenRequest',
        apiVersion: `${GROUP}/v1`,
        metadata: { name: info.name, namespace: info.namespace, creationTimestamp: now, managedFields },
        spec: { audiences, expirationSeconds, boundObjectRef: reference ?? null },
        status: { token, expirationTimestamp: rfc3339(expiresAtMs) },
      },
    };
  };
}

function checkedSeconds(value: unknown): number {
  const seconds = typeof value === 'number' ? value : DEFAULT_SECONDS;
  const problem =
    seconds < MIN_SECONDS
      ? 'may not specify a duration less than 10 minutes'
      : seconds > MAX_SECONDS
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (problem === undefined) return seconds;
  throw invalidObject(GROUP, 'TokenRequest', '', [invalid('spec.expirationSeconds', seconds, problem)]);
}

interface Binding {
  readonly object: BoundObject;
  readonly node?: { readonly name: string; readonly uid?: string };
}

const RESOURCES = {
  Pod: { group: '', plural: 'pods', namespaced: true },
  Secret: { group: '', plural: 'secrets', namespaced: true },
  Node: { group: '', plural: 'nodes', namespaced: false },
} as const;

function boundObject(context: ApiContext, reference: Record<string, unknown>, namespace: string): Binding {
  const kind = String(reference['kind'] ?? '');
  if (kind !== 'Pod' && kind !== 'Secret' && kind !== 'Node') {
    throw badRequest(
      `cannot bind token to object of type ${String(reference['apiVersion'] ?? '')}, Kind=${kind}`,
    );
  }
  const resource = RESOURCES[kind];
  const name = String(reference['name'] ?? '');
  const found = context.store.get({
    resource: resource.plural,
    namespace: resource.namespaced ? namespace : '',
    name,
  });
  if (found === undefined) throw notFound(resource, name);
  const uid = found.object.metadata.uid ?? '';
  if (reference['uid'] !== undefined && reference['uid'] !== uid) {
    throw conflict(
      resource,
      name,
      `the UID in the bound object reference (${String(reference['uid'])}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const object: BoundObject = { kind, name, uid };
  const spec = found.object['spec'];
  const nodeName = kind === 'Pod' && isRecord(spec) ? String(spec['nodeName'] ?? '') : '';
  if (nodeName === '') return { object };
  const node = context.store.get({ resource: 'nodes', namespace: '', name: nodeName });
  return {
    object,
    node: { name: nodeName, ...(node?.object.metadata.uid && { uid: node.object.metadata.uid }) },
  };
}
