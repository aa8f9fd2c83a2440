import type { Mutation } from './mutation.ts';

const SERVER = 'apps/edgecore/src/edged/server';
const LOGS = 'apps/edgecore/src/edged/container-logs';
const STATS = 'apps/edgecore/src/edged/stats';
const API = [`${SERVER}/kubelet-api.test.ts`];
const READING = [`${LOGS}/read-log.test.ts`];

/** The kubelet endpoint: who may call what, streams on their own, logs without gaps, figures that are right. */
export const endpointMutations: readonly Mutation[] = [
  {
    breaks: 'exec and logs are for the cloud only unless the user asks for more (S11)',
    file: `${SERVER}/routes.ts`,
    from: `if (route.identity === 'none' || caller === 'cloud' || debuggingHandlers === true) return { ok: true };`,
    to: 'return { ok: true };',
    tests: [`${SERVER}/routes.test.ts`],
  },
  {
    breaks: 'a web page that turned its name to this machine is refused',
    file: `${SERVER}/kubelet-api.ts`,
    from: `caller === 'loopback' && !isLoopbackHost(headers.host)`,
    to: 'headers.host === undefined',
    tests: API,
  },
  {
    breaks: 'an offer of WebSocket v5 alone is not upgraded, so that kubectl goes on over SPDY',
    file: `${SERVER}/subprotocols.ts`,
    from: 'return left.length === 0 ? undefined : left',
    to: 'return left.length === 0 ? offered : left',
    tests: API,
  },
  {
    breaks: 'a stream begins at the runtime with the client’s first byte, not with the end of an empty body',
    file: `${SERVER}/dial-runtime.ts`,
    from: `const NO_BODY = ['Content-Length', '0'];`,
    to: 'const NO_BODY: string[] = [];',
    tests: API,
  },
  {
    breaks: 'a lost side of a stream resets the other',
    file: 'packages/runtime/src/relay.ts',
    from: 'if (!from.stream.readableEnded || from.stream.errored) to.lose();',
    to: '',
    tests: ['packages/runtime/src/relay.test.ts'],
  },
  {
    breaks: 'the runtime’s stream does not get the credentials of the asker',
    file: `${SERVER}/dial-runtime.ts`,
    from: `  'authorization',\n`,
    to: '',
    tests: API,
  },
  {
    breaks: 'what was written to a rotated log last is read before the next file',
    file: `${LOGS}/log-files.ts`,
    from: 'clock.monotonic() - next.seenAt >= SETTLE_MS',
    to: 'clock.monotonic() >= next.seenAt',
    tests: READING,
  },
  {
    breaks: 'a held-up reader of a log keeps the files that are rotated away',
    file: `${LOGS}/log-files.ts`,
    from: `if (event === 'rename') void lookNow();`,
    to: '',
    tests: READING,
  },
  {
    breaks: 'a log whose runtime will not let go of it gets its name back',
    file: `${LOGS}/rotation.ts`,
    from: '      await rename(rotated, path);\n',
    to: '',
    tests: [`${LOGS}/rotation.test.ts`],
  },
  {
    breaks: 'the working set is without what the kernel would give back first',
    file: `${STATS}/cgroup-v2.ts`,
    from: `Math.max(0, usageBytes - of('inactive_file'))`,
    to: 'usageBytes',
    tests: [`${STATS}/cgroups.test.ts`],
  },
];
