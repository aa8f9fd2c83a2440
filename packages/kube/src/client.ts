import { apiVersionOf, type KubeObject, type Resource, type UnknownObject } from '@kubeedge-ts/apis';
import type { Clock } from '@kubeedge-ts/runtime';
import type { ClusterConfig } from './cluster-config.ts';
import { createConnection } from './connection.ts';
import { decodeList, decodeObject, decodeRecord } from './decode.ts';
import {
  deleteBody,
  encodePatch,
  listPath,
  namespacePath,
  objectPath,
  withQuery,
  writeQuery,
} from './paths.ts';
import type { CallOptions, KubeClient, ObjectKey, Patch, WriteOptions } from './types.ts';
import { openWatch } from './watch.ts';

export interface KubeClientPorts {
  readonly clock: Clock;
  /** `User-Agent`, e.g. `cloudcore/1.23.0 (linux/amd64)`. */
  readonly userAgent: string;
}

/** A client of one API server, over HTTP/1.1 and JSON. Holds no connection before the first call. */
export function createKubeClient(config: ClusterConfig, ports: KubeClientPorts): KubeClient {
  const connection = createConnection(config, ports);

  const send = async (method: string, path: string, options: CallOptions, body?: object): Promise<Buffer> => {
    const payload = body === undefined ? {} : { body: JSON.stringify(body), contentType: 'application/json' };
    return (await connection.send({ method, path, ...payload }, options)).body;
  };
  const keyOf = ({ metadata: { name, namespace } }: KubeObject): ObjectKey => ({ name, namespace });
  /** Bodies name their type, so that callers may leave it out. */
  const typed = <T extends KubeObject>(resource: Resource<T>, object: T): T => ({
    ...object,
    apiVersion: object.apiVersion ?? apiVersionOf(resource),
    kind: object.kind ?? resource.kind,
  });

  return {
    async get<T extends KubeObject>(
      resource: Resource<T>,
      key: ObjectKey,
      options: CallOptions & { subresource?: string } = {},
    ) {
      const path = objectPath(resource, key, options.subresource);
      return decodeObject<T>(await send('GET', path, options), { method: 'GET', path });
    },

    async list(resource, options = {}) {
      const path = listPath(resource, options);
      const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      return decodeList(await send('GET', path, options), { method: 'GET', path }, type);
    },

    async create<T extends KubeObject>(resource: Resource<T>, object: T, options = {}) {
      const path = withQuery(namespacePath(resource, object.metadata.namespace), writeQuery(options));
      return decodeObject<T>(await send('POST', path, options, typed(resource, object)), {
        method: 'POST',
        path,
      });
    },

    async createSubresource<B, R>(
      resource: Resource<KubeObject>,
      key: ObjectKey,
      subresource: string,
      body: B,
      options = {},
    ) {
      const path = withQuery(objectPath(resource, key, subresource), writeQuery(options));
      const answer = await send('POST', path, options, body as object);
      return decodeRecord(answer, { method: 'POST', path }) as R;
    },

    async update<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}) {
      const path = withQuery(objectPath(resource, keyOf(object), options.subresource), writeQuery(options));
      return decodeObject<T>(await send('PUT', path, options, typed(resource, object)), {
        method: 'PUT',
        path,
      });
    },

    async patch<T extends KubeObject>(
      resource: Resource<T>,
      key: ObjectKey,
      patch: Patch,
      options: WriteOptions = {},
    ) {
      const { contentType, body, query } = encodePatch(patch, options);
      const path = withQuery(objectPath(resource, key, options.subresource), query);
      const { body: answer } = await connection.send({ method: 'PATCH', path, body, contentType }, options);
      return decodeObject<T>(answer, { method: 'PATCH', path });
    },

    async delete(resource, key, options = {}) {
      const path = objectPath(resource, key);
      const answer = await send('DELETE', path, options, deleteBody(options));
      return decodeRecord(answer, { method: 'DELETE', path }) as UnknownObject;
    },

    watch: (resource, options) => openWatch(connection, resource, options),

    request: ({ method, path, headers = {}, body, ...options }) =>
      connection.exchange({ method, path, headers, body }, options),

    close: () => connection.close(),
  };
}
