import type { Mutation } from './mutation.ts';

const STREAM = 'apps/cloudcore/src/cloudstream';
const SECURITY = [`${STREAM}/security.test.ts`];
const FORWARD = [`${STREAM}/forward/forward.test.ts`];
const FRAMES = [`${STREAM}/forward/frames.test.ts`];
const PUBLISHER = [`${STREAM}/publisher.test.ts`];

/** The kubelet API of the edge nodes: who gets in, one request for one decision, streams carried whole, kept published. */
export const cloudStreamMutations: readonly Mutation[] = [
  {
    breaks: 'a node’s certificate opens nothing, also beside a token',
    file: `${STREAM}/caller.ts`,
    from: `return { kind: 'node', name: commonName };`,
    to: `return { kind: 'nothing' };`,
    tests: SECURITY,
  },
  {
    breaks: 'a certificate counts only when it leads to a client CA of the cluster',
    file: `${STREAM}/caller.ts`,
    from: `if (verified && commonName !== '') {`,
    to: `if (commonName !== '') {`,
    tests: SECURITY,
  },
  {
    breaks: 'who is known must also be allowed',
    file: `${STREAM}/kubelet-handler.ts`,
    from: `await access.authorize(user, method, route, found.node ?? '');`,
    to: `void access.authorize(user, method, route, found.node ?? '').catch(() => undefined);`,
    tests: SECURITY,
  },
  {
    breaks: 'a body without its announcement is no second request at the node',
    file: `${STREAM}/forward/headers.ts`,
    from: `if (encoding !== undefined) return [...without(headers, 'content-length'), 'Transfer-Encoding', 'chunked'];`,
    to: '',
    tests: SECURITY,
  },
  {
    breaks: 'the credentials of the cluster are not handed to a node',
    file: `${STREAM}/forward/headers.ts`,
    from: `const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);`,
    to: `const CREDENTIALS = new Set<string>();`,
    tests: SECURITY,
  },
  {
    breaks: 'a log that is followed begins before there is anything to say',
    file: `${STREAM}/forward/plain.ts`,
    from: 'response.flushHeaders();',
    to: '',
    tests: FORWARD,
  },
  {
    breaks: 'an asker that goes away before the answer ends the request at the node',
    file: `${STREAM}/forward/plain.ts`,
    from: `response.once('close', leave);`,
    to: '',
    tests: FORWARD,
  },
  {
    breaks: 'what the client says before the node has agreed is not lost',
    file: `${STREAM}/forward/upgrade.ts`,
    from: 'if (head.length > 0) peer.write(head);',
    to: '',
    tests: FORWARD,
  },
  {
    breaks: 'a refused exec says why in a form that kubectl shows',
    file: `${STREAM}/refusal.ts`,
    from: 'const body = JSON.stringify(failure(status, message, reason));',
    to: 'const body = message;',
    tests: FORWARD,
  },
  {
    breaks: 'of an exec at an upstream edge the request is written once, by the edge',
    file: `${STREAM}/forward/frames.ts`,
    from: `let tail: string | undefined = '';`,
    to: 'let tail: string | undefined;',
    tests: FRAMES,
  },
  {
    breaks: 'an edgecore that would end at the word attach is not sent it',
    file: `${STREAM}/forward/frames.ts`,
    from: `route.frames === 'attach' && !knowsAttach(kubeletVersion)`,
    to: `route.frames === 'attach' && kubeletVersion === 'none'`,
    tests: FRAMES,
  },
  {
    breaks: 'the edge’s own report leaves the published address where it is',
    file: 'apps/cloudcore/src/controllers/kubelet-endpoint.ts',
    from: 'if (endpoint === undefined) return patch;',
    to: 'if (endpoint === undefined || patch) return patch;',
    tests: ['apps/cloudcore/src/edgecontroller/up-nodes.test.ts'],
  },
  {
    breaks: 'an edge is not shown the published addresses, which it would contradict for ever',
    file: 'apps/cloudcore/src/controllers/kubelet-endpoint.ts',
    from: `const addresses = [...ownAddresses(node.status.addresses, endpoint)];`,
    to: `const addresses = [...node.status.addresses];`,
    tests: ['apps/cloudcore/src/edgecontroller/up-nodes.test.ts'],
  },
  {
    breaks: 'an address that somebody keeps overwriting is not fought over at full speed',
    file: `${STREAM}/contest.ts`,
    from: 'const lasting = times >= AT_ONCE;',
    to: 'const lasting = times < 0;',
    tests: PUBLISHER,
  },
  {
    breaks: 'a node that another cloudcore has is given up when it does not answer here',
    file: `${STREAM}/publisher.ts`,
    from: 'if (tunnel === undefined || (await isAlive(tunnel, signal))) return false;',
    to: 'if (tunnel === undefined || tunnel) return false;',
    tests: PUBLISHER,
  },
  {
    breaks: 'a port that is given back keeps no connection of the node before',
    file: `${STREAM}/node-ports.ts`,
    from: '    for (const socket of sockets) socket.destroy();\n',
    to: '',
    tests: [`${STREAM}/node-ports.test.ts`],
  },
  {
    breaks: 'a right that was given counts soon after a no',
    file: `${STREAM}/answer-cache.ts`,
    from: 'if (known !== undefined && clock.monotonic() < known.until) return known.answer;',
    to: 'if (known !== undefined) return known.answer;',
    tests: [`${STREAM}/access.test.ts`],
  },
];
