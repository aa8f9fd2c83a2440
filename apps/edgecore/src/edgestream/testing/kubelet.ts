import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import {
  type Answer,
  createKubeletApi,
  type KubeletApi,
  type StreamOpener,
} from '../../edged/server/kubelet-api.ts';
import { ROUTES, type StreamName } from '../../edged/server/routes.ts';

/** The kubelet endpoint with one answer for every path, and one runtime for every stream. */
export function kubeletWith(answer: Answer, opener: StreamOpener): KubeletApi {
  const names = ROUTES.map(({ name }) => name);
  return createKubeletApi({
    answers: Object.fromEntries(names.map((name) => [name, answer])) as never,
    streams: Object.fromEntries(names.map((name) => [name, opener])) as Record<StreamName, StreamOpener>,
    debuggingHandlers: undefined,
    streamIdleMs: 14_400_000,
    clock: systemClock,
    log: silentLogger,
  });
}
