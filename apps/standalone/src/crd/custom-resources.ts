import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { ApiContext } from '../rest/api-request.ts';
import { deleteObject } from '../rest/delete.ts';
import type { StoredObject } from '../storage/index.ts';
import { createConverter } from './conversion.ts';
import { type ConversionClient, createConversionClient } from './conversion-webhook.ts';
import { CLEANUP_FINALIZER, CRD_STORAGE, type CustomResource, readCustomResource } from './crd-object.ts';
import { nameConflict, updateStatus } from './crd-status.ts';
import { customDefinitions } from './definition.ts';

export interface CustomResources {
  close(): void;
}

/**
 * Serves what CustomResourceDefinitions define: registers their resources as soon as they are stored, writes their
 * conditions, and empties and removes those that are deleted.
 */
export function startCustomResources(context: ApiContext): CustomResources {
  const { store, registry, clock, log } = context;
  const clients = new Map<string, ConversionClient>();
  const instanceWatches = new Map<string, () => void>();
  let closed = false;

  const forget = (name: string): void => {
    registry.replace(name, []);
    clients.get(name)?.close();
    clients.delete(name);
    instanceWatches.get(name)?.();
    instanceWatches.delete(name);
  };

  /** Brings the served resources in line with the stored definition. Writes nothing. */
  const install = (object: UnknownObject): void => {
    const resource = readCustomResource(object);
    clients.get(resource.name)?.close();
    clients.delete(resource.name);
    if (conflictOf(resource) !== undefined) {
      registry.replace(resource.name, []);
      return;
    }
    if (resource.webhook !== undefined) {
      clients.set(resource.name, createConversionClient(resource, resource.webhook, context));
    }
    const convert = createConverter(resource, clients.get(resource.name)?.call);
    registry.replace(resource.name, customDefinitions(resource, convert));
  };

  const conflictOf = (resource: CustomResource) => {
    const older = store
      .list(CRD_STORAGE)
      .map((entry) => readCustomResource(entry.object))
      .filter(
        (other) =>
          other.name !== resource.name && registry.find(other.group, other.storageVersion, other.plural),
      );
    return nameConflict(resource, older);
  };

  /** Conditions and clean-up; runs after the write that caused it is announced to everybody. */
  const reconcile = (name: string): void => {
    if (closed) return;
    const stored = store.get({ resource: CRD_STORAGE, namespace: '', name });
    if (stored === undefined) return;
    const resource = readCustomResource(stored.object);
    if (resource.deleting) {
      cleanUp(stored, resource);
      return;
    }
    const next = structuredClone(stored.object);
    if (updateStatus(next, resource, conflictOf(resource), rfc3339(clock.now()))) {
      store.update(stored.key, stored.revision, next);
    }
  };

  const cleanUp = (stored: StoredObject, resource: CustomResource): void => {
    const storage = `${resource.plural}.${resource.group}`;
    const definition = registry.all().find((entry) => entry.storage === storage);
    const instances = store.list(storage);
    for (const instance of instances) {
      if (instance.object.metadata.deletionTimestamp !== undefined) continue;
      if (definition === undefined) store.delete(instance.key, instance.revision);
      else deleteObject(context, definition, instance, { dryRun: false });
    }
    if (store.list(storage).length > 0) {
      // Instances with finalizers go when their owners let them.
      if (!instanceWatches.has(resource.name)) {
        instanceWatches.set(
          resource.name,
          store.subscribe(storage, (event) => event.type === 'DELETED' && later(resource.name)),
        );
      }
      return;
    }
    const finalizers = (stored.object.metadata.finalizers ?? []).filter((name) => name !== CLEANUP_FINALIZER);
    const next = structuredClone(stored.object);
    if (finalizers.length === 0) {
      delete next.metadata.finalizers;
      store.delete(stored.key, stored.revision, next);
      return;
    }
    if (finalizers.length === stored.object.metadata.finalizers?.length) return;
    next.metadata.finalizers = finalizers;
    store.update(stored.key, stored.revision, next);
  };

  const later = (name: string): void => {
    setImmediate(() => {
      try {
        reconcile(name);
      } catch (error) {
        log.error({ crd: name, err: errorText(error) }, 'custom resource definition was not reconciled');
      }
    });
  };

  const unsubscribe = store.subscribe(CRD_STORAGE, ({ type, key, object }) => {
    if (type === 'DELETED') {
      forget(key.name);
      // Names it held may be what another definition waits for.
      for (const entry of store.list(CRD_STORAGE)) {
        install(entry.object);
        later(entry.key.name);
      }
      return;
    }
    install(object);
    later(key.name);
  });
  for (const { object, key } of store.list(CRD_STORAGE)) {
    install(object);
    later(key.name);
  }

  return {
    close() {
      closed = true;
      unsubscribe();
      for (const name of [...clients.keys(), ...instanceWatches.keys()]) forget(name);
    },
  };
}
