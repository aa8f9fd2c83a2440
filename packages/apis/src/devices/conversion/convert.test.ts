import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kubernetes/meta.ts';
import { violation } from '../../schema/conforms.ts';
import type { StructuralSchema } from '../../schema/structural.ts';
import { deviceCrds } from '../crds.ts';
import {
  CREATED_AS_ANNOTATION,
  convertDeviceObject,
  type DeviceVersion,
  versionAnnotation,
} from './convert.ts';

const [deviceCrd, modelCrd] = deviceCrds();

function schemaOf(kind: string, version: string): StructuralSchema {
  const crd = kind === 'Device' ? deviceCrd : modelCrd;
  return crd!.spec.versions.find(({ name }) => name === version)!.schema.openAPIV3Schema;
}

/** Random objects that the schema accepts. */
function valid(schema: StructuralSchema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema['x-kubernetes-preserve-unknown-fields'] && !schema.properties) {
    const scalar = fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.boolean());
    const fieldNames = ['slaveID', 'ip', 'port', 'register', 'offset', 'url', 'baudRate', 'other'];
    const names = fc.constantFrom(...fieldNames);
    return fc.dictionary(names, fc.oneof(scalar, fc.dictionary(names, scalar)), { maxKeys: 5 });
  }
  switch (schema.type) {
    case 'string':
      return fc.oneof(fc.constantFrom('', 'a', 'b', '7', 'modbus', 'custom'), fc.string({ maxLength: 5 }));
    case 'integer':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? -1, max: schema.maximum ?? 5 }),
        fc.constant(schema.maximum ?? 500_000_000),
      );
    case 'number':
      return fc.integer({ min: -1000, max: 1000 }).map((n) => n / 8);
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valid(schema.items!), { maxLength: 3 });
    default:
      if (schema.additionalProperties) {
        return fc.dictionary(fc.constantFrom('type', 'timestamp', 'x'), valid(schema.additionalProperties));
      }
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, field]) => [name, valid(field)]),
        ),
        { requiredKeys: [...(schema.required ?? [])] },
      );
  }
}

function anObject(kind: string, version: DeviceVersion): fc.Arbitrary<KubeObject> {
  const { spec, status } = schemaOf(kind, version).properties!;
  return fc
    .record(
      {
        spec: valid(spec!),
        ...(status ? { status: valid(status) } : {}),
        labels: fc.dictionary(fc.constant('l'), fc.constant('v')),
      },
      { requiredKeys: [] },
    )
    .map((body) => JSON.parse(JSON.stringify(body)))
    .map(({ labels, ...body }) => ({
      apiVersion: `devices.kubeedge.io/${version}`,
      kind,
      metadata: { name: 'd', namespace: 'plant', uid: 'u', ...(labels ? { labels } : {}) },
      ...body,
    }));
}

function convert(object: unknown, version: DeviceVersion): KubeObject {
  const result = convertDeviceObject(object, version);
  assert.ok('object' in result, 'problem' in result ? result.problem : '');
  return result.object;
}

/** Without the note that a conversion leaves on every object it made. */
function plain(object: KubeObject): KubeObject {
  const { [CREATED_AS_ANNOTATION]: _note, ...annotations } = object.metadata.annotations ?? {};
  const { annotations: _all, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
  };
}

const PAIRS: readonly (readonly [DeviceVersion, DeviceVersion])[] = [
  ['v1alpha1', 'v1beta1'],
  ['v1alpha2', 'v1beta1'],
  ['v1beta1', 'v1alpha1'],
  ['v1beta1', 'v1alpha2'],
  ['v1alpha1', 'v1alpha2'],
  ['v1alpha2', 'v1alpha1'],
];

for (const kind of ['Device', 'DeviceModel']) {
  for (const [from, to] of PAIRS) {
    test(`a ${kind} of ${from} comes back unchanged from ${to}`, () => {
      fc.assert(
        fc.property(anObject(kind, from), (object) => {
          const there = convert(object, to);
          assert.equal(there.apiVersion, `devices.kubeedge.io/${to}`);
          assert.deepEqual(plain(convert(there, from)), object);
        }),
        { numRuns: 300 },
      );
    });

    test(`a ${kind} of ${from} is valid in ${to}, so that it can be written there`, () => {
      fc.assert(
        fc.property(anObject(kind, from), (object) => {
          assert.equal(violation(schemaOf(kind, to), convert(object, to)), undefined);
        }),
        { numRuns: 300 },
      );
    });
  }
}

test('a stored object seen through one old version and written back keeps what the other old version left in it', () => {
  fc.assert(
    fc.property(anObject('Device', 'v1alpha2'), (object) => {
      const stored = convert(object, 'v1beta1');
      const rewritten = convert(convert(stored, 'v1alpha1'), 'v1beta1');
      assert.deepEqual(plain(convert(rewritten, 'v1alpha2')), object);
    }),
  );
});

const NOTES_MANIFEST = `
apiVersion: devices.kubeedge.io/v1alpha2
kind: Device
metadata: {name: dht11, labels: {description: temperature-humidity, manufacturer: embedfire}}
spec:
  deviceModelRef: {name: dht11-model}
  nodeSelector:
    nodeSelectorTerms:
      - matchExpressions: [{key: '', operator: In, values: [ke-edge03]}]
status:
  twins:
  - propertyName: temperature
    desired: {metadata: {type: string}, value: ''}
    reported: {metadata: {type: string}, value: ''}
  - propertyName: humidity
    desired: {metadata: {type: string}, value: ''}
    reported: {metadata: {type: string}, value: ''}
---
apiVersion: devices.kubeedge.io/v1alpha2
kind: DeviceModel
metadata: {name: dht11-model, namespace: default}
spec:
  properties:
  - name: temperature
    description: Temperature collected from the edge device
    type: {string: {accessMode: ReadOnly, defaultValue: ''}}
  - name: humidity
    description: Humidity collected from the edge device
    type: {string: {accessMode: ReadOnly, defaultValue: ''}}
`;

test("the demo's v1alpha2 manifests become a bound v1beta1 device with two properties, and read back as written", () => {
  const [device, model] = parseAllDocuments(NOTES_MANIFEST).map((document) => document.toJS() as KubeObject);
  assert.equal(violation(schemaOf('Device', 'v1alpha2'), device), undefined);
  assert.equal(violation(schemaOf('DeviceModel', 'v1alpha2'), model), undefined);
  const stored = convert(device, 'v1beta1') as KubeObject & Record<string, unknown>;
  const value = { metadata: { type: 'string' }, value: '' };
  assert.deepEqual(stored['spec'], {
    deviceModelRef: { name: 'dht11-model' },
    nodeName: 'ke-edge03',
    properties: [
      { name: 'temperature', desired: value },
      { name: 'humidity', desired: value },
    ],
  });
  assert.deepEqual(stored['status'], {
    twins: [
      { propertyName: 'temperature', reported: value },
      { propertyName: 'humidity', reported: value },
    ],
  });
  assert.deepEqual(stored.metadata.annotations, { [CREATED_AS_ANNOTATION]: 'v1alpha2' });
  assert.deepEqual(plain(convert(stored, 'v1alpha2')), device);
  assert.deepEqual(plain(convert(convert(model, 'v1beta1'), 'v1alpha2')), model);
});

test('a modbus device of v1alpha2 gets flat protocol settings and cycles in milliseconds', () => {
  const stored = convert(
    {
      apiVersion: 'devices.kubeedge.io/v1alpha2',
      kind: 'Device',
      metadata: { name: 'boiler-7' },
      spec: {
        protocol: {
          modbus: { slaveID: 3 },
          common: { tcp: { ip: '10.0.0.9', port: 502 }, customizedValues: { serialType: 'RS485' } },
        },
        propertyVisitors: [
          {
            propertyName: 'pressure',
            collectCycle: 500_000_000,
            modbus: { register: 'HoldingRegister', offset: 10, limit: 2, scale: 0.1 },
          },
        ],
      },
    },
    'v1beta1',
  ) as KubeObject & Record<string, unknown>;
  assert.deepEqual(stored['spec'], {
    protocol: {
      protocolName: 'modbus',
      configData: { serialType: 'RS485', ip: '10.0.0.9', port: 502, slaveID: 3 },
    },
    properties: [
      {
        name: 'pressure',
        collectCycle: 500,
        visitors: {
          protocolName: 'modbus',
          configData: { register: 'HoldingRegister', offset: 10, limit: 2, scale: 0.1 },
        },
      },
    ],
  });
  assert.equal(stored.metadata.annotations?.[versionAnnotation('v1alpha2')], undefined);
});

test('visitors of a v1alpha1 model become the defaults of its properties', () => {
  const modbus = { register: 'CoilRegister', offset: 2, limit: 1 };
  const stored = convert(
    {
      apiVersion: 'devices.kubeedge.io/v1alpha1',
      kind: 'DeviceModel',
      metadata: { name: 'm' },
      spec: {
        properties: [{ name: 'on', type: { int: { accessMode: 'ReadWrite', minimum: 0, maximum: 1 } } }],
        propertyVisitors: [{ propertyName: 'on', modbus }],
      },
    },
    'v1beta1',
  ) as KubeObject & Record<string, unknown>;
  assert.deepEqual(stored['spec'], {
    properties: [
      {
        name: 'on',
        type: 'INT',
        accessMode: 'ReadWrite',
        minimum: '0',
        maximum: '1',
        visitors: { protocolName: 'modbus', configData: modbus },
      },
    ],
  });
});

test('a change in one version reaches the other, and what that version cannot express stays', () => {
  const original = {
    apiVersion: 'devices.kubeedge.io/v1alpha2',
    kind: 'Device',
    metadata: { name: 'd' },
    spec: {
      nodeSelector: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['n1', 'n2'] }] }],
      },
      data: { dataTopic: 't' },
      propertyVisitors: [
        { propertyName: 'p', collectCycle: 1500, customizedProtocol: { configData: { a: 1 } } },
      ],
    },
    status: { twins: [{ propertyName: 'p', desired: { value: '1' } }] },
  };
  const stored = convert(original, 'v1beta1') as KubeObject & { spec: Record<string, unknown> };
  // The v1beta1 side moves the device, sets a value and adds what v1alpha2 does not know.
  stored.spec['nodeName'] = 'n9';
  const [property] = stored.spec['properties'] as Record<string, unknown>[];
  property!['desired'] = { value: '2' };
  property!['pushMethod'] = { otel: { endpointURL: 'u' } };
  const view = convert(stored, 'v1alpha2') as KubeObject & { spec: Record<string, unknown>; status: unknown };
  assert.deepEqual(view.spec, {
    ...original.spec,
    nodeSelector: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: '', operator: 'In', values: ['n9'] }] }],
    },
  });
  assert.deepEqual(view.status, { twins: [{ propertyName: 'p', desired: { value: '2' } }] });
  // The v1alpha2 side now sets a value, as kubectl does: by patching what it was shown.
  view.status = { twins: [{ propertyName: 'p', desired: { value: '3' } }] };
  const again = convert(view, 'v1beta1') as KubeObject & { spec: Record<string, unknown> };
  assert.deepEqual(again.spec, {
    ...stored.spec,
    properties: [{ ...property, desired: { value: '3' } }],
  });
  assert.equal(again.metadata.annotations?.[CREATED_AS_ANNOTATION], 'v1alpha2');
});

test('an object created as v1beta1 stays so after an edit through v1alpha2', () => {
  const stored = {
    apiVersion: 'devices.kubeedge.io/v1beta1',
    kind: 'Device',
    metadata: { name: 'd' },
    spec: {},
  };
  const view = convert(stored, 'v1alpha2');
  assert.equal(view.metadata.annotations?.[CREATED_AS_ANNOTATION], 'v1beta1');
  assert.deepEqual(convert(view, 'v1beta1'), stored);
});

test('what is no device object, or of an unknown version, is a problem and not a crash', () => {
  const device = { apiVersion: 'devices.kubeedge.io/v1beta1', kind: 'Device', metadata: { name: 'd' } };
  for (const value of [
    null,
    1,
    'x',
    [],
    {},
    { metadata: null },
    { ...device, kind: 'Pod' },
    { ...device, kind: 'constructor' },
    { ...device, apiVersion: 'v1' },
  ]) {
    assert.ok('problem' in convertDeviceObject(value, 'v1alpha2'), JSON.stringify(value));
  }
  assert.ok('problem' in convertDeviceObject(device, 'v9'));
});

test('any garbage in spec and status is converted without a crash', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.constantFrom(...PAIRS), (spec, status, [from, to]) => {
      for (const kind of ['Device', 'DeviceModel']) {
        convert(
          {
            apiVersion: `devices.kubeedge.io/${from}`,
            kind,
            metadata: { name: 'd', annotations: null },
            spec,
            status,
          },
          to,
        );
      }
    }),
  );
});
