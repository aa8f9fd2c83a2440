import type { ObjectStore } from '../storage/index.ts';
import { badRequest, expired, revisionTooLarge } from './api-error.ts';
import { forbiddenField, invalidObject, notSupported } from './field-error.ts';

/** A non-negative resourceVersion; undefined when absent. @throws BadRequest */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const revision = /^\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(revision)) {
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return revision;
}

/** Refuses combinations of list parameters in Kubernetes' words. */
export function checkListParameters(query: URLSearchParams, watch: boolean): void {
  const match = query.get('resourceVersionMatch');
  const version = query.get('resourceVersion') ?? '';
  const errors = [];
  if (query.has('sendInitialEvents')) {
    errors.push(
      forbiddenField(
        'sendInitialEvents',
        watch
          ? 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
          : 'sendInitialEvents is forbidden for list',
      ),
    );
  } else if (match !== null && watch) {
    errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch'));
  } else if (match !== null && version === '') {
    errors.push(
      forbiddenField(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden unless resourceVersion is provided',
      ),
    );
  } else if (match !== null && query.get('continue')) {
    errors.push(
      forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'),
    );
  } else if (match !== null && match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
  } else if (match === 'Exact' && version === '0') {
    errors.push(
      forbiddenField(
        'resourceVersionMatch',
        'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
      ),
    );
  }
  if (errors.length > 0) throw invalidObject('meta.k8s.io', 'ListOptions', '', errors);
}

/** @throws Expired when history no longer reaches back to `revision`, Timeout when it lies in the future */
export function requireKnownRevision(store: ObjectStore, revision: number): void {
  if (revision > store.revision) throw revisionTooLarge(revision, store.revision);
  if (revision < store.compacted) {
    throw expired(`too old resource version: ${revision} (${store.compacted})`);
  }
}
