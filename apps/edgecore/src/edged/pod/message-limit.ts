import type { ContainerStatus } from '@kubeedge-ts/apis';

/** All that the containers of one pod had to say at their end, bytes (spec/edged.md §3.4). */
const MAX_BYTES = 12_288;

/** Each container gets the same share of what a pod's status may carry of termination messages. */
export function limitMessages(statuses: readonly ContainerStatus[], containers: number): ContainerStatus[] {
  const share = Math.floor(MAX_BYTES / Math.max(1, containers));
  return statuses.map((status) => {
    const { state, lastState } = status;
    const long = [state, lastState].some((one) => isLonger(one?.terminated?.message, share));
    if (!long) return status;
    return {
      ...status,
      state: limited(state, share),
      lastState: limited(lastState, share),
    } as ContainerStatus;
  });
}

type State = ContainerStatus['state'];

function limited(state: State, share: number): State {
  const { terminated } = state ?? {};
  if (terminated === undefined || !isLonger(terminated.message, share)) return state;
  return { ...state, terminated: { ...terminated, message: cut(terminated.message ?? '', share) } };
}

function isLonger(message: string | undefined, share: number): boolean {
  return message !== undefined && message.length * 3 > share && Buffer.byteLength(message) > share;
}

/** Never through a character. */
function cut(message: string, bytes: number): string {
  const all = Buffer.from(message);
  let end = bytes;
  while (end > 0 && ((all[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return all.subarray(0, end).toString('utf8');
}
