/** Topics of DeviceTwin (spec/mqtt-and-devicetwin.md §2). */

export type DeviceAction = 'twin/update' | 'twin/get' | 'twin/cloud_updated' | 'state/update';

export type DeviceTopic =
  | { readonly action: DeviceAction; readonly id: string; readonly base: string; readonly levels: 1 | 2 }
  | { readonly action: 'membership/get' };

const ACTIONS: ReadonlySet<string> = new Set([
  'twin/update',
  'twin/get',
  'twin/cloud_updated',
  'state/update',
]);

/** Longer topics name no device; an answer to them would not fit into a topic. */
const MAX_TOPIC = 1024;

/** Takes a request's topic apart by its levels; undefined when DeviceTwin has no business with it. */
export function parseDeviceTopic(topic: string): DeviceTopic | undefined {
  if (topic.length > MAX_TOPIC) return undefined;
  const parts = topic.split('/');
  if (parts[0] !== '$hw' || parts[1] !== 'events') return undefined;
  if (parts[2] === 'node') {
    return parts.length === 6 && parts[4] === 'membership' && parts[5] === 'get'
      ? { action: 'membership/get' }
      : undefined;
  }
  if (parts[2] !== 'device' || (parts.length !== 6 && parts.length !== 7)) return undefined;
  const action = `${parts.at(-2)}/${parts.at(-1)}`;
  if (!ACTIONS.has(action)) return undefined;
  const id = parts.slice(3, -2).join('/');
  return {
    action: action as DeviceAction,
    id,
    base: deviceBase(id),
    levels: parts.length === 7 ? 2 : 1,
  };
}

/** What the topics of a device begin with. */
export function deviceBase(id: string): string {
  return `$hw/events/device/${id}`;
}

/** Where upstream answers what it could not parse: an empty device id. Kept beside the device's own topic. */
export const NAMELESS_UPDATE_RESULT = '$hw/events/device//twin/update/result';

export function membershipTopic(node: string, suffix: 'get/result' | 'updated'): string {
  return `$hw/events/node/${node}/membership/${suffix}`;
}
