import { topicMatches } from '@kubeedge-ts/mqtt';

/**
 * What edgecore listens to: the topics of KubeEdge up to 1.16.1 (device name) and of later ones (namespace and name)
 * side by side (spec/mqtt-and-devicetwin.md §1.1).
 */
export const FIXED_FILTERS: readonly string[] = [
  '$hw/events/device/+/state/update',
  '$hw/events/device/+/twin/+',
  '$hw/events/device/+/+/state/update',
  '$hw/events/device/+/+/twin/+',
  '$hw/events/node/+/membership/get',
  '$hw/events/upload/#',
  'SYS/dis/upload_records',
  '+/user/#',
];

/** Who gets a message: DeviceTwin or the cloud (§1.2). */
export function destinationOf(topic: string): 'twin' | 'cloud' {
  return /^\$hw\/events\/(?:device|node)(?:\/|$)/.test(topic) ? 'twin' : 'cloud';
}

/** True when the topic is one edgecore listens to, by the fixed list or by `more` (rules of the cloud). */
export function isListenedTo(topic: string, more: Iterable<string>): boolean {
  if (FIXED_FILTERS.some((filter) => topicMatches(filter, topic))) return true;
  for (const filter of more) if (topicMatches(filter, topic)) return true;
  return false;
}

/**
 * May a client of the embedded broker publish here? `$SYS` is the broker's; under `$hw` clients make requests, the
 * answers (results, deltas, documents, membership) are edgecore's alone.
 */
export function clientMayPublish(topic: string): boolean {
  if (topic.startsWith('$SYS')) return false;
  return !topic.startsWith('$hw/') || FIXED_FILTERS.some((filter) => topicMatches(filter, topic));
}
