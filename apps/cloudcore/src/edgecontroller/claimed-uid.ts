import { isRecord, type RoutedMessage } from '@kubeedge-ts/apis';
import { podStatusPatch } from './status-patch.ts';

/** The UID of the pod a message is about, where it says one. */
export function claimedUid({ route, message }: RoutedMessage): string | undefined {
  const { content } = message;
  switch (route) {
    case 'up.pod-patch':
      return typeof content === 'string' ? podStatusPatch(content)?.uid : undefined;
    case 'up.pod-status':
      return isRecord(content) ? text(content['UID']) : undefined;
    case 'up.pod-delete': {
      // 1.9 sends the bare UID, newer edges DeleteOptions.
      const preconditions = isRecord(content) ? content['preconditions'] : undefined;
      return text(isRecord(preconditions) ? preconditions['uid'] : content);
    }
    default:
      return undefined;
  }
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
