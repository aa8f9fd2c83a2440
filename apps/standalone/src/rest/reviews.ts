import { isRecord } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { API_AUDIENCES } from '../auth/authenticator.ts';
import { type Attributes, isAllowed, MASTERS_GROUP, rulesFor } from '../auth/authorizer.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { afterUpdate } from '../patch/managed-fields.ts';
import { groupVersion, type JsonObject } from '../registry/types.ts';
import { badRequest } from './api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse, UserInfo } from './api-request.ts';
import { decodeObject } from './decode-body.ts';
import { writeOptions } from './write-options.ts';

export type ReviewHandler = (context: ApiContext, request: ApiRequest) => Promise<ApiResponse>;

/** Answers a review: what was asked, plus a status.. */
async function answer(
  context: ApiContext,
  request: ApiRequest,
  decide: (spec: JsonObject) => unknown,
): Promise<ApiResponse> {
  const { definition } = request;
  const options = writeOptions(request.query, request.header('user-agent'), 'CreateOptions');
  const { object, warnings } = decodeObject(
    await request.body(),
    request.header('content-type'),
    definition,
    options.fieldValidation,
  );
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  const { status: _status, ...sent } = object;
  const managedFields = afterUpdate(undefined, sent, definition.codec.schema, {
    manager: options.fieldManager,
    operation: 'Update',
    apiVersion: groupVersion(definition),
    time: rfc3339(context.clock.now()),
  });
  const body = {
    kind: definition.kind,
    apiVersion: groupVersion(definition),
    metadata: {
      creationTimestamp: null,
      ...(definition.namespaced && { namespace: request.info.namespace }),
      ...(managedFields.length > 0 && { managedFields }),
    },
    ...(object['spec'] !== undefined && { spec }),
    status: await decide(spec),
  };
  return { status: 201, body, warnings };
}

function attributesOf(spec: JsonObject, namespace?: string): Attributes {
  const path = spec['nonResourceAttributes'];
  if (isRecord(path)) {
    return { kind: 'path', verb: String(path['verb'] ?? ''), path: String(path['path'] ?? '') };
  }
  const resource = spec['resourceAttributes'];
  if (!isRecord(resource)) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  const text = (field: string): string => String(resource[field] ?? '');
  return {
    kind: 'resource',
    verb: text('verb'),
    group: text('group'),
    plural: text('resource'),
    subresource: text('subresource'),
    namespace: namespace ?? text('namespace'),
    name: text('name'),
  };
}

function verdict(context: ApiContext, user: UserInfo, attributes: Attributes) {
  return { allowed: isAllowed(context.store, user, attributes) };
}

function namedUser(spec: JsonObject): UserInfo {
  const groups = Array.isArray(spec['groups']) ? spec['groups'].map(String) : [];
  if (!spec['user'] && groups.length === 0) {
    throw badRequest('at least one of user or group must be specified');
  }
  return { username: String(spec['user'] ?? ''), groups };
}

/** The reviews by storage key. */
export function reviewHandlers(tokens: ServiceAccountTokens): Readonly<Record<string, ReviewHandler>> {
  return {
    'tokenreviews.authentication.k8s.io': (context, request) =>
      answer(context, request, async (spec) => {
        const asked = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : API_AUDIENCES;
        const verified = await tokens.verify(String(spec['token'] ?? ''), asked);
        if (verified === undefined) return { user: {}, error: 'invalid bearer token' };
        return { authenticated: true, user: verified.user, audiences: verified.audiences };
      }),
    'selfsubjectreviews.authentication.k8s.io': (context, request) =>
      answer(context, request, () => ({ userInfo: request.user })),
    'selfsubjectaccessreviews.authorization.k8s.io': (context, request) =>
      answer(context, request, (spec) => verdict(context, request.user, attributesOf(spec))),
    'subjectaccessreviews.authorization.k8s.io': (context, request) =>
      answer(context, request, (spec) => verdict(context, namedUser(spec), attributesOf(spec))),
    'localsubjectaccessreviews.authorization.k8s.io': (context, request) =>
      answer(context, request, (spec) =>
        verdict(context, namedUser(spec), attributesOf(spec, request.info.namespace)),
      ),
    'selfsubjectrulesreviews.authorization.k8s.io': (context, request) =>
      answer(context, request, (spec) => {
        const rules = request.user.groups.includes(MASTERS_GROUP)
          ? [
              { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
              { verbs: ['*'], nonResourceURLs: ['*'] },
            ]
          : [...rulesFor(context.store, request.user, String(spec['namespace'] ?? ''))];
        return {
          resourceRules: rules.filter((rule) => 'resources' in rule),
          nonResourceRules: rules.filter((rule) => 'nonResourceURLs' in rule),
          incomplete: false,
        };
      }),
  };
}
