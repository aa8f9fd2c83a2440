import type { Typed } from '../../schema/structural.ts';
import { propertyTypesV1alpha1, visitorsV1alpha1 } from '../v1alpha1.ts';
import { type Body, compact, fitting, type Json, known, record, recordOr, records, text } from './json.ts';
import { propertyToHub, typeFields } from './v1alpha2-model.ts';

type Protocol = keyof typeof visitorsV1alpha1;
const PROTOCOLS = Object.keys(visitorsV1alpha1) as Protocol[];

/** The v1beta1 form of a v1alpha1 DeviceModel: its visitors become the defaults of the properties they name. */
export function modelFromV1alpha1({ spec }: Body): Body {
  const visitors = new Map(
    records(spec?.['propertyVisitors']).map((visitor) => [visitor['propertyName'], visitorToHub(visitor)]),
  );
  return compact({
    spec:
      spec &&
      compact({
        properties:
          spec['properties'] &&
          records(spec['properties']).map((property) =>
            compact({ ...propertyToHub(property), visitors: visitors.get(property['name']) }),
          ),
      }),
  });
}

/** The v1alpha1 form of a v1beta1 DeviceModel. Types it does not know are shown as `string`. */
export function modelToV1alpha1({ spec }: Body): Body {
  const properties = records(spec?.['properties']).filter((property) => text(property['name']) !== undefined);
  const visitors = properties.map(visitorFromHub).filter((visitor) => visitor !== undefined);
  return compact({
    spec:
      spec &&
      compact({
        properties: spec['properties'] && properties.map(propertyFromHub),
        propertyVisitors: visitors.length > 0 ? visitors : undefined,
      }),
  });
}

function propertyFromHub(property: Json): Json {
  const type = property['type'] === 'INT' ? 'int' : 'string';
  const fields = { accessMode: 'ReadWrite', ...typeFields(type, property) };
  return compact({
    name: property['name'],
    description: property['description'],
    type: { [type]: known(propertyTypesV1alpha1[type], fields) },
  });
}

function visitorToHub(visitor: Json): Json | undefined {
  const protocolName = PROTOCOLS.find((name) => recordOr(visitor[name]) !== undefined);
  return protocolName && { protocolName, configData: record(visitor[protocolName]) };
}

function visitorFromHub(property: Json): Json | undefined {
  const visitors = record(property['visitors']);
  const protocolName = PROTOCOLS.find((name) => name === visitors['protocolName']);
  if (protocolName === undefined) return undefined;
  const schema: Typed<Json> = visitorsV1alpha1[protocolName];
  const config = fitting(schema, visitors['configData']);
  if (config === undefined) return undefined;
  return {
    propertyName: property['name'],
    [protocolName]: known(schema, config),
  };
}
