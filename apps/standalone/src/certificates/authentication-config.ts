import type { UnknownObject } from '@kubeedge-ts/apis';
import { isRecord } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { sameJson } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { ApiContext } from '../rest/api-request.ts';

const KEY = { resource: 'configmaps', namespace: 'kube-system', name: 'extension-apiserver-authentication' };

export interface AuthenticationConfigOptions {
  /** PEM of the CA of clients' certificates. */
  readonly clientCa: string;
  /** PEM of the CA of those who may say whom a request is from. */
  readonly frontProxyCa: string;
}

/**
 * Keeps the ConfigMap by which other servers of the cluster learn whom this one believes. Nobody has a certificate of
 * the front proxy's CA, since this server passes nothing on to such servers; they insist on being told one.
 */
export function keepAuthenticationConfig(
  context: ApiContext,
  options: AuthenticationConfigOptions,
): () => void {
  const { store, clock, random, log } = context;
  const data = {
    'client-ca-file': options.clientCa,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': options.frontProxyCa,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  };
  const keep = (): void => {
    const found = store.get(KEY);
    if (found === undefined) {
      const object: UnknownObject = {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: {
          name: KEY.name,
          namespace: KEY.namespace,
          uid: random.uuid(),
          creationTimestamp: rfc3339(clock.now()),
        },
        data,
      };
      store.create(KEY, object);
    } else if (found.object.metadata.deletionTimestamp === undefined) {
      const current = isRecord(found.object['data']) ? found.object['data'] : {};
      const next = { ...current, ...data };
      if (!sameJson(next, current)) store.update(KEY, found.revision, { ...found.object, data: next });
    }
  };
  keep();
  let closed = false;
  const unsubscribe = store.subscribe('configmaps', ({ key }) => {
    if (key.name !== KEY.name || key.namespace !== KEY.namespace) return;
    // After the write that caused it is announced to everybody.
    setImmediate(() => {
      try {
        if (!closed) keep();
      } catch (error) {
        log.warn({ err: errorText(error) }, 'the authentication config was not written');
      }
    });
  });
  return () => {
    closed = true;
    unsubscribe();
  };
}
