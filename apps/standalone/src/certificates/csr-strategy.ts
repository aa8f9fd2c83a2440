import type { UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { isAllowed } from '../auth/authorizer.ts';
import type { JsonObject, Strategy, StrategyContext } from '../registry/types.ts';
import { forbidden } from '../rest/api-error.ts';
import { certificateOf, conditionsOf, signerOf } from './csr-object.ts';
import { validateChange, validateSigningRequest } from './csr-validation.ts';
import { API_CLIENT } from './signers.ts';
import { parseSigningRequest } from './signing-request.ts';

const RESOURCE = { group: 'certificates.k8s.io', plural: 'certificatesigningrequests' };
const MASTERS = 'system:masters';

/** Requests say who asked, never change, and are decided on and fulfilled through their parts. */
export const csrStrategy: Strategy = {
  unconditionalUpdate: true,
  nameRule: 'path-segment',
  initialStatus: () => ({}),
  admit(csr) {
    if (signerOf(csr) !== API_CLIENT) return;
    const request = parseSigningRequest((csr['spec'] as JsonObject | undefined)?.['request']);
    if (typeof request === 'string' || !request.organizations.includes(MASTERS)) return;
    throw refuse(csr, `use of ${API_CLIENT} signer with ${MASTERS} group is not allowed`);
  },
  prepareForCreate(csr, { user }) {
    const { username: _n, uid: _u, groups: _g, extra: _e, ...asked } = (csr['spec'] ?? {}) as JsonObject;
    csr['spec'] = {
      ...asked,
      ...(user !== undefined && {
        username: user.username,
        ...(user.uid !== undefined && { uid: user.uid }),
        groups: [...user.groups],
        ...(user.extra !== undefined && { extra: user.extra }),
      }),
    };
  },
  prepareForUpdate(next, old) {
    next['spec'] = old['spec'];
  },
  validate: validateSigningRequest,
  validateUpdate: (next, old) => validateChange(next, old, { decision: false, certificate: false }),
  parts: {
    approval: {
      prepare(next, old, context) {
        requirePermission(context, old, 'approve');
        setTimes(next, old, context);
        const certificate = certificateOf(old);
        next['status'] = { ...(certificate !== '' && { certificate }), ...conditionsField(next) };
      },
      validate: (next, old) => [
        ...validateSigningRequest(next),
        ...validateChange(next, old, { decision: true, certificate: false }),
      ],
    },
    status: {
      prepare(next, old, context) {
        requirePermission(context, old, 'sign');
        setTimes(next, old, context);
      },
      validate: (next, old) => [
        ...validateSigningRequest(next),
        ...validateChange(next, old, { decision: false, certificate: true }),
      ],
    },
  },
};

function conditionsField(csr: UnknownObject): JsonObject {
  const conditions = conditionsOf(csr);
  return conditions.length === 0 ? {} : { conditions };
}

/** Times a client left out. A condition that goes on keeps the time it began. */
function setTimes(next: UnknownObject, old: UnknownObject, { clock }: StrategyContext): void {
  const now = rfc3339(clock.now());
  const conditions = conditionsOf(next).map((condition) => {
    const before = conditionsOf(old).find(
      ({ type, status }) => type === condition['type'] && status === condition['status'],
    );
    return {
      ...condition,
      lastUpdateTime: condition['lastUpdateTime'] ?? now,
      lastTransitionTime: condition['lastTransitionTime'] ?? before?.['lastTransitionTime'] ?? now,
    };
  });
  if (conditions.length > 0) next['status'] = { ...(next['status'] as JsonObject), conditions };
}

/** Whoever decides or signs needs a role for that signer, or for all of its domain. */
function requirePermission(
  { store, user }: StrategyContext,
  csr: UnknownObject,
  verb: 'approve' | 'sign',
): void {
  if (user === undefined) return;
  const signer = signerOf(csr);
  const domain = signer.split('/')[0] ?? '';
  const allowed = [signer, `${domain}/*`].some((name) =>
    isAllowed(store, user, {
      kind: 'resource',
      verb,
      group: RESOURCE.group,
      plural: 'signers',
      subresource: '',
      namespace: '',
      name,
    }),
  );
  if (!allowed)
    throw refuse(csr, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`);
}

function refuse(csr: UnknownObject, why: string) {
  return forbidden(RESOURCE, csr.metadata.name, why);
}
