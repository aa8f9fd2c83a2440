import type { UnknownObject } from '@kubeedge-ts/apis';
import type { CustomResource } from './crd-object.ts';
import { applyDefaults, prune } from './structural-schema.ts';

/** Converts objects of one resource to a version, all in one call. */
export type Converter = (
  objects: readonly UnknownObject[],
  version: string,
) => readonly UnknownObject[] | Promise<readonly UnknownObject[]>;

/** Asks a webhook; `from` versions may be mixed. @throws an API error that names the webhook */
export type WebhookCall = (
  objects: readonly UnknownObject[],
  apiVersion: string,
) => Promise<readonly UnknownObject[]>;

/**
 * The converter of a definition. With strategy None only apiVersion changes, and what the other version does not
 * declare is dropped.
 */
export function createConverter(resource: CustomResource, webhook: WebhookCall | undefined): Converter {
  const schemas = new Map(resource.versions.map((version) => [version.name, version.schema]));
  const settled = (object: UnknownObject, version: string): UnknownObject => {
    const schema = schemas.get(version);
    const apiVersion = `${resource.group}/${version}`;
    if (schema === undefined) return { ...object, apiVersion };
    const known = prune({ ...object, apiVersion }, schema, []) as UnknownObject;
    applyDefaults(known, schema);
    return known;
  };

  return (objects, version) => {
    const wanted = `${resource.group}/${version}`;
    const others = objects.filter((object) => object.apiVersion !== wanted);
    if (others.length === 0 || webhook === undefined) {
      return objects.map((object) => settled(structuredClone(object), version));
    }
    return webhook(others, wanted).then((converted) => {
      const results = [...converted];
      return objects.map((object) =>
        settled(
          object.apiVersion === wanted ? structuredClone(object) : (results.shift() as UnknownObject),
          version,
        ),
      );
    });
  };
}
