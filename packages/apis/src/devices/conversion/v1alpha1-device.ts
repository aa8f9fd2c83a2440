import { bluetoothProtocol, modbusRtu, modbusTcp, opcuaProtocol } from '../v1alpha1.ts';
import { type Body, compact, fitting, type Json, known, record, recordOr } from './json.ts';
import { nodeSelectorOf } from './shared.ts';
import { deviceFromV1alpha2, deviceToV1alpha2 } from './v1alpha2-device.ts';

/** The v1beta1 form of a v1alpha1 Device. Visitors are the model's business in this version. */
export function deviceFromV1alpha1({ spec, status }: Body): Body {
  // Apart from the protocol this version is a subset of v1alpha2.
  const { protocol, ...rest } = spec ?? {};
  const hub = deviceFromV1alpha2(compact({ spec: spec && rest, status }));
  const converted = protocolToHub(recordOr(protocol));
  return converted === undefined ? hub : { ...hub, spec: { ...hub.spec, protocol: converted } };
}

/** The v1alpha1 form of a v1beta1 Device; a protocol that version does not know stays unset. */
export function deviceToV1alpha1({ spec, status }: Body): Body {
  const view = deviceToV1alpha2(compact({ spec, status }));
  return compact({
    spec:
      spec &&
      compact({
        deviceModelRef: recordOr(spec['deviceModelRef']) ?? {},
        nodeSelector: nodeSelectorOf(spec['nodeName']) ?? {},
        protocol: protocolFromHub(recordOr(spec['protocol'])),
      }),
    status: view.status,
  });
}

function protocolToHub(protocol: Json | undefined): Json | undefined {
  if (protocol === undefined) return undefined;
  const modbus = recordOr(protocol['modbus']);
  const tcp = recordOr(modbus?.['tcp']);
  if (modbus) {
    const configData = tcp
      ? { ...tcp, ...compact({ slaveID: slaveNumber(tcp['slaveID']) }) }
      : record(modbus['rtu']);
    return { protocolName: 'modbus', configData };
  }
  for (const protocolName of ['opcua', 'bluetooth']) {
    const configData = recordOr(protocol[protocolName]);
    if (configData) return { protocolName, configData };
  }
  return {};
}

function protocolFromHub(protocol: Json | undefined): Json | undefined {
  if (protocol === undefined) return undefined;
  const config = record(protocol['configData']);
  switch (protocol['protocolName']) {
    case 'modbus': {
      const rtu = fitting(modbusRtu, config);
      if (rtu) return { modbus: { rtu: known(modbusRtu, config) } };
      const text = typeof config['slaveID'] === 'number' ? String(config['slaveID']) : config['slaveID'];
      const withText = compact({ ...config, slaveID: text });
      return { modbus: fitting(modbusTcp, withText) ? { tcp: known(modbusTcp, withText) } : {} };
    }
    case 'opcua':
      return fitting(opcuaProtocol, config) ? { opcua: known(opcuaProtocol, config) } : {};
    case 'bluetooth':
      return fitting(bluetoothProtocol, config) ? { bluetooth: known(bluetoothProtocol, config) } : {};
    default:
      return {};
  }
}

/** Modbus TCP's unit is text in this version and a number everywhere else. */
function slaveNumber(value: unknown): unknown {
  return typeof value === 'string' && /^(0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value;
}
