import {
  apiVersionOf,
  type Device,
  type DeviceModel,
  type DeviceProperty,
  deviceModels,
  devices,
  type ProtocolConfig,
} from '@kubeedge-ts/apis';

/**
 * The Device as an edge gets it: the model's defaults stand under its own settings. Only the keys of the first level
 * are merged, and visitors take the protocol the model names, both as upstream edges do (spec/mappers-and-dmi.md §9).
 */
export function deliveredDevice(device: Device, model: DeviceModel | undefined): Device {
  const { spec } = device;
  const typed: Device = { ...device, apiVersion: apiVersionOf(devices), kind: devices.kind };
  if (spec === undefined || model?.spec === undefined) return typed;
  const defaults = new Map(model.spec.properties?.map((property) => [property.name, property.visitors]));
  const protocol = under(spec.protocol, { configData: model.spec.protocolConfigData });
  return {
    ...typed,
    spec: {
      ...spec,
      ...(protocol ? { protocol } : {}),
      ...(spec.properties
        ? {
            properties: spec.properties.map((property) =>
              withVisitors(property, defaults.get(property.name)),
            ),
          }
        : {}),
    },
  };
}

export function deliveredModel(model: DeviceModel): DeviceModel {
  return { ...model, apiVersion: apiVersionOf(deviceModels), kind: deviceModels.kind };
}

function withVisitors(property: DeviceProperty, defaults: ProtocolConfig | undefined): DeviceProperty {
  const visitors = under(property.visitors, defaults);
  if (visitors === undefined) return property;
  const protocolName = defaults?.protocolName || visitors.protocolName;
  return { ...property, visitors: { ...visitors, ...(protocolName ? { protocolName } : {}) } };
}

/** `own`, with what it does not set taken from `defaults`. */
function under(
  own: ProtocolConfig | undefined,
  defaults: ProtocolConfig | undefined,
): ProtocolConfig | undefined {
  if (defaults?.configData === undefined) return own;
  return { ...own, configData: { ...defaults.configData, ...own?.configData } };
}
