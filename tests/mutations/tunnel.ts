import type { Mutation } from './mutation.ts';

const TUNNEL = 'packages/tunnel/src';
const EDGE = 'apps/edgecore/src/edgestream';
const STREAMS = [`${TUNNEL}/streams/streams.component.test.ts`];
const FRAMES = [`${TUNNEL}/frames/frames.component.test.ts`];
const LISTENER = [`${TUNNEL}/server/listen.component.test.ts`];

/** The stream tunnel: who gets in, nothing cut off taken for whole, streams that do not touch each other. */
export const tunnelMutations: readonly Mutation[] = [
  {
    breaks: 'an edge is what its certificate says',
    file: `${TUNNEL}/server/handshake.ts`,
    from: 'if (!decision.accept) return refuse(decision.status, decision.reason);',
    to: '',
    tests: LISTENER,
  },
  {
    breaks: 'an edge needs a valid certificate of the hub CA',
    file: `${TUNNEL}/server/handshake.ts`,
    from: 'if (problem !== undefined || !(socket instanceof TLSSocket))',
    to: 'if (!(socket instanceof TLSSocket))',
    tests: LISTENER,
  },
  {
    breaks: 'handshakes that do not go on are bounded',
    file: `${TUNNEL}/server/listen.ts`,
    from: `server.on('connection', (socket) => pending.add(socket));`,
    to: '',
    tests: LISTENER,
  },
  {
    breaks: 'a stream that was cut off is not taken for ended',
    file: `${TUNNEL}/streams/byte-stream.ts`,
    from: 'if (inner.rstCode !== NGHTTP2_NO_ERROR) return;',
    to: '',
    tests: [`${TUNNEL}/streams/byte-stream.component.test.ts`],
  },
  {
    breaks: 'a stream is cut off without being ended first',
    file: `${TUNNEL}/streams/byte-stream.ts`,
    from: `inner.destroy(new Error('cut off'));`,
    to: 'inner.close(8);',
    tests: STREAMS,
  },
  {
    breaks: 'what came before the peer left is read first',
    file: `${TUNNEL}/streams/byte-stream.ts`,
    from: `else outer.once('end', leave);`,
    to: 'else leave();',
    tests: STREAMS,
  },
  {
    breaks: 'a stream that nobody reads holds its writer back',
    file: `${TUNNEL}/streams/byte-stream.ts`,
    from: 'if (!outer.push(chunk)) inner.pause();',
    to: 'outer.push(chunk);',
    tests: STREAMS,
  },
  {
    breaks: 'a node has 256 streams at most',
    file: `${TUNNEL}/streams/cloud-end.ts`,
    from: 'if (openStreams >= MAX_STREAMS)',
    to: 'if (openStreams > MAX_STREAMS)',
    tests: STREAMS,
  },
  {
    breaks: 'the end of a tunnel is told with its reason',
    file: `${TUNNEL}/streams/session.ts`,
    from: 'if (!told && !session.connecting)',
    to: 'if (told)',
    tests: STREAMS,
  },
  {
    breaks: 'an upstream edge’s REMOVE_CONNECT comes after what it sent before',
    file: `${TUNNEL}/frames/frame-stream.ts`,
    from: 'if (queue.length === 0 && (theirsEnded || oursEnded) && !duplex.readableEnded) duplex.push(null);',
    to: 'if ((theirsEnded || oursEnded) && !duplex.readableEnded) duplex.push(null);',
    tests: FRAMES,
  },
  {
    breaks: 'a reader that has stopped loses its stream',
    file: `${TUNNEL}/frames/frame-streams.ts`,
    from: 'if (stream.waiting > MAX_BEHIND_BYTES) behind(stream);',
    to: 'if (stream.waiting < 0) behind(stream);',
    tests: FRAMES,
  },
  {
    breaks: 'a reader that is slow is waited for',
    file: `${TUNNEL}/frames/frame-streams.ts`,
    from: 'else if (stream.waiting > HOLD_ABOVE_BYTES) holdFor();',
    to: '',
    tests: FRAMES,
  },
  {
    breaks: 'what is written into the head of a request ends no line of it',
    file: `${TUNNEL}/frames/connect-body.ts`,
    from: 'const FIELD_VALUE = /^[\\t\\x20-\\x7e\\x80-\\xff]*$/;',
    to: 'const FIELD_VALUE = /./s;',
    tests: [`${TUNNEL}/frames/connect-body.test.ts`],
  },
  {
    breaks: 'a tunnel is silent after 45 s without a byte, not after the first quiet look',
    file: `${TUNNEL}/silence.ts`,
    from: 'if (count !== seen) {',
    to: 'if (count < 0) {',
    tests: [`${TUNNEL}/silence.test.ts`],
  },
  {
    breaks: 'an upstream cloud’s REMOVE_CONNECT ends the request at the kubelet',
    file: `${EDGE}/connect-request.ts`,
    from: 'far.destroy();',
    to: '',
    tests: [`${EDGE}/connect-request.test.ts`],
  },
  {
    breaks: 'a node dials again when its tunnel has ended',
    file: `${EDGE}/edge-stream.ts`,
    from: 'while (!signal.aborted) {',
    to: 'for (const _once of [signal]) {',
    tests: [`${EDGE}/edge-stream.component.test.ts`],
  },
  {
    breaks: 'an exec may be ended by its process first',
    file: 'apps/edgecore/src/edged/server/dial-runtime.ts',
    from: 'httpRequest({ ...options, createConnection:',
    to: 'httpRequest({ ...options, agent: false, createConnection:',
    tests: [`${EDGE}/edge-stream.component.test.ts`],
  },
  {
    breaks: 'two who need the identity at once ask for one certificate',
    file: 'apps/edgecore/src/edgehub/identity.ts',
    from: 'obtain: (signal) => inTurn(signal, () => obtain(signal)),',
    to: 'obtain,',
    tests: ['apps/edgecore/src/edgehub/identity.test.ts'],
  },
];
