import { oneOf } from '../../schema/structural.ts';
import { propertyTypes } from '../v1alpha2.ts';
import { type Body, compact, fitting, type Json, record, recordOr, records, text } from './json.ts';

type TypeName = keyof typeof propertyTypes;
const TYPE_NAMES = Object.keys(propertyTypes) as TypeName[];
const accessModes = oneOf('ReadWrite', 'ReadOnly');

/** The v1beta1 form of a v1alpha2 DeviceModel (spec/crds.md §4.4); default values have no place there. */
export function modelFromV1alpha2({ spec }: Body): Body {
  return compact({
    spec:
      spec &&
      compact({
        protocol: spec['protocol'],
        properties: spec['properties'] && records(spec['properties']).map(propertyToHub),
      }),
  });
}

/** The v1alpha2 form of a v1beta1 DeviceModel. STREAM has none; its type stays unset. */
export function modelToV1alpha2({ spec }: Body): Body {
  return compact({
    spec:
      spec &&
      compact({
        protocol: spec['protocol'],
        properties: spec['properties'] && records(spec['properties']).map(propertyFromHub),
      }),
  });
}

/** Also right for v1alpha1, whose types are the first two. */
export function propertyToHub(property: Json): Json {
  const type = record(property['type']);
  const name = TYPE_NAMES.find((candidate) => recordOr(type[candidate]) !== undefined);
  const fields = name === undefined ? {} : record(type[name]);
  return compact({
    name: property['name'],
    description: property['description'],
    type: name?.toUpperCase(),
    accessMode: fitting(accessModes, fields['accessMode']),
    minimum: boundText(fields['minimum']),
    maximum: boundText(fields['maximum']),
    unit: text(fields['unit']),
  });
}

function propertyFromHub(property: Json): Json {
  const name = text(property['type'])?.toLowerCase() as TypeName | undefined;
  const known = name !== undefined && TYPE_NAMES.includes(name);
  return compact({
    name: property['name'],
    description: property['description'],
    type: known ? { [name]: typeFields(name, property) } : undefined,
  });
}

/** The fields of `type.<name>` that version has. */
export function typeFields(name: TypeName, property: Json): Json {
  const fields = compact({
    accessMode: property['accessMode'],
    minimum: boundNumber(property['minimum']),
    maximum: boundNumber(property['maximum']),
    unit: property['unit'],
  });
  const schemas = propertyTypes[name].schema.properties ?? {};
  return Object.fromEntries(
    Object.entries(fields).filter(([field, value]) => {
      const schema = schemas[field];
      return schema !== undefined && fitting({ schema }, value) !== undefined;
    }),
  );
}

/** v1beta1 holds bounds as text. */
function boundText(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : undefined;
}

function boundNumber(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
