import { mqttErrors } from '@kubeedge-ts/errors';

const MAX_BYTES = 65_535;
/** Deeper topics are refused: no KubeEdge topic has more than a dozen levels. */
const MAX_LEVELS = 100;

/** @throws KubeEdgeError MQTT_TOPIC_INVALID */
export function checkTopic(topic: string): void {
  const problem = commonProblem(topic) ?? (/[+#]/.test(topic) ? 'contains a wildcard' : undefined);
  if (problem !== undefined) throw invalid(topic, problem);
}

/** @throws KubeEdgeError MQTT_TOPIC_INVALID */
export function checkFilter(filter: string): void {
  const problem = commonProblem(filter) ?? wildcardProblem(filter);
  if (problem !== undefined) throw invalid(filter, problem);
}

function commonProblem(topic: string): string | undefined {
  if (topic === '') return 'empty';
  if (topic.includes('\0')) return 'contains NUL';
  if (!topic.isWellFormed()) return 'not valid Unicode';
  if (topic.length > MAX_BYTES || Buffer.byteLength(topic) > MAX_BYTES) return 'too long';
  return topic.split('/').length > MAX_LEVELS ? `more than ${MAX_LEVELS} levels` : undefined;
}

function wildcardProblem(filter: string): string | undefined {
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('+') && level !== '+') return '"+" does not fill its level';
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1))
      return '"#" is not the last level';
  }
  return undefined;
}

function invalid(topic: string, problem: string) {
  return mqttErrors.create('MQTT_TOPIC_INVALID', { topic: topic.slice(0, 200), problem });
}

/** MQTT 3.1.1 §4.7: wildcards of the first level do not match topics that begin with `$`. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length) return false;
    if (level !== '+' && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
