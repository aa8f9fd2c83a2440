import { anyObject } from '../../schema/structural.ts';
import { com, commonScalars, protocolFields, tcp, visitorFields } from '../v1alpha2.ts';
import { twinProperty } from '../v1beta1.ts';
import {
  type Body,
  compact,
  compactOr,
  fitting,
  type Json,
  record,
  recordOr,
  records,
  split,
  text,
} from './json.ts';
import { nodeNameOf, nodeSelectorOf, propertiesByName, reportedTwins } from './shared.ts';

/** Protocols with fields of their own; all others travel as `customizedProtocol`. */
const PROTOCOLS = ['opcua', 'modbus', 'bluetooth'] as const;
type Protocol = (typeof PROTOCOLS)[number];
const isProtocol = (name: string | undefined): name is Protocol => PROTOCOLS.includes(name as Protocol);

const NANOSECONDS_PER_MS = 1_000_000;

/** The v1beta1 form of a v1alpha2 Device (spec/crds.md §4.4). What has no place there is left out. */
export function deviceFromV1alpha2({ spec, status }: Body): Body {
  const twins = records(status?.['twins']);
  const properties = propertiesByName();
  for (const visitor of records(spec?.['propertyVisitors'])) {
    properties.add(text(visitor['propertyName']), visitorToHub(visitor));
  }
  for (const twin of twins) {
    properties.add(text(twin['propertyName']), compact({ desired: fitting(twinProperty, twin['desired']) }));
  }
  const reported = reportedTwins(twins);
  return compact({
    spec:
      spec &&
      compact({
        deviceModelRef: spec['deviceModelRef'],
        nodeName: nodeNameOf(spec['nodeSelector']),
        protocol: protocolToHub(recordOr(spec['protocol'])),
        properties: properties.list(),
      }),
    status: status && compact({ twins: reported }),
  });
}

/** The v1alpha2 form of a v1beta1 Device. */
export function deviceToV1alpha2({ spec, status }: Body): Body {
  const properties = records(spec?.['properties']);
  const twins = new Map<string, Json>();
  for (const property of properties) {
    const name = text(property['name']);
    const desired = fitting(twinProperty, property['desired']);
    if (name !== undefined && desired !== undefined) twins.set(name, { propertyName: name, desired });
  }
  for (const twin of records(status?.['twins'])) {
    const name = text(twin['propertyName']);
    const reported = fitting(twinProperty, twin['reported']);
    if (name === undefined || reported === undefined) continue;
    twins.set(name, { ...(twins.get(name) ?? { propertyName: name }), reported });
  }
  const visitors = properties.map(visitorFromHub).filter((visitor) => visitor !== undefined);
  return compact({
    spec:
      spec &&
      compact({
        deviceModelRef: spec['deviceModelRef'],
        nodeSelector: nodeSelectorOf(spec['nodeName']),
        protocol: protocolFromHub(recordOr(spec['protocol'])),
        propertyVisitors: visitors.length > 0 ? visitors : undefined,
      }),
    status: twins.size > 0 ? { twins: [...twins.values()] } : status && {},
  });
}

function protocolToHub(protocol: Json | undefined): Json | undefined {
  if (protocol === undefined) return undefined;
  const common = record(protocol['common']);
  const { customizedValues, com: serial, tcp: network, ...scalars } = common;
  const shared = { ...record(customizedValues), ...record(serial), ...record(network), ...scalars };
  const { protocolName, config } = namedConfig(protocol);
  return compact({
    protocolName,
    configData: config ? { ...shared, ...config } : compactOr(shared),
  });
}

function protocolFromHub(protocol: Json | undefined): Json | undefined {
  if (protocol === undefined) return undefined;
  const protocolName = text(protocol['protocolName']);
  const config = recordOr(protocol['configData']);
  if (protocolName !== undefined && !isProtocol(protocolName)) {
    return { customizedProtocol: compact({ protocolName, configData: config }) };
  }
  const own = split(config ?? {}, protocolName === undefined ? {} : protocolFields[protocolName]);
  const serial = split(own.rest, com);
  const network = split(serial.rest, tcp);
  const scalars = split(network.rest, commonScalars);
  return compact({
    ...(protocolName === undefined ? {} : { [protocolName]: own.known }),
    common: compactOr({
      com: compactOr(serial.known),
      tcp: compactOr(network.known),
      ...scalars.known,
      customizedValues: compactOr(scalars.rest),
    }),
  });
}

function visitorToHub(visitor: Json): Json {
  const { protocolName, config } = namedConfig(visitor);
  const shared = recordOr(visitor['customizedValues']);
  const configData = config || shared ? { ...shared, ...config } : undefined;
  return compact({
    visitors: compactOr({ protocolName, configData }) ?? (visitor['customizedProtocol'] ? {} : undefined),
    collectCycle: inMilliseconds(visitor['collectCycle']),
    reportCycle: inMilliseconds(visitor['reportCycle']),
  });
}

function visitorFromHub(property: Json): Json | undefined {
  const visitors = recordOr(property['visitors']);
  const cycles = compact({
    collectCycle: inNanoseconds(property['collectCycle']),
    reportCycle: inNanoseconds(property['reportCycle']),
  });
  if (visitors === undefined && Object.keys(cycles).length === 0) return undefined;
  return compact({ propertyName: text(property['name']), ...cycles, ...visitorConfig(visitors) });
}

function visitorConfig(visitors: Json | undefined): Json {
  if (visitors === undefined) return {};
  const protocolName = text(visitors['protocolName']);
  const config = fitting(anyObject(), visitors['configData']);
  if (!isProtocol(protocolName)) return { customizedProtocol: compact({ protocolName, configData: config }) };
  const { known, rest } = split(config ?? {}, visitorFields[protocolName]);
  return compact({ [protocolName]: known, customizedValues: compactOr(rest) });
}

/** The protocol that is set and its fields. */
function namedConfig(holder: Json): { protocolName?: string; config?: Json } {
  for (const name of PROTOCOLS) {
    const config = recordOr(holder[name]);
    if (config) return { protocolName: name, config };
  }
  const custom = record(holder['customizedProtocol']);
  return compact({
    protocolName: text(custom['protocolName']),
    config: recordOr(custom['configData']),
  });
}

/** v1alpha2 mappers count in nanoseconds, v1beta1 ones in milliseconds; zero and the special -1 mean the same in both. */
function inMilliseconds(cycle: unknown): number | undefined {
  if (typeof cycle !== 'number') return undefined;
  return cycle <= 0 ? cycle : Math.max(1, Math.round(cycle / NANOSECONDS_PER_MS));
}

function inNanoseconds(cycle: unknown): number | undefined {
  if (typeof cycle !== 'number') return undefined;
  return cycle <= 0 ? cycle : cycle * NANOSECONDS_PER_MS;
}
