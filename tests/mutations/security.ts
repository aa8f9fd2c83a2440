import type { Mutation } from './mutation.ts';

const HTTPS = 'apps/cloudcore/src/cloudhub/https';

/** Who may join, and as whom (DESIGN §11). */
export const securityMutations: readonly Mutation[] = [
  {
    breaks: 'an edge takes only the CA its token names',
    file: 'packages/pki/src/enrol.ts',
    from: 'if (caHash(answer.body) !== token.caHash) {',
    to: 'if (answer.body.length === 0) {',
    tests: ['packages/pki/src/enrol.test.ts'],
  },
  {
    breaks: 'an edge takes only a certificate that its CA has signed',
    file: 'packages/pki/src/enrol.ts',
    from: `  if (!certificate.verify(createPublicKey(caPem))) throw unexpected(url, 'a certificate of another CA');\n`,
    to: '',
    tests: ['packages/pki/src/enrol.test.ts'],
  },
  {
    breaks: 'a token that another CA signed is refused',
    file: 'packages/pki/src/token.ts',
    from: 'if (given.length !== expected.length || !timingSafeEqual(given, expected)) {',
    to: 'if (given.length !== expected.length) {',
    tests: ['packages/pki/src/token.test.ts'],
  },
  {
    breaks: 'an expired token is refused (O5)',
    file: 'packages/pki/src/token.ts',
    from: 'return claims.expiresAt <= now ?',
    to: 'return claims.expiresAt <= 0 ?',
    tests: ['packages/pki/src/token.test.ts'],
  },
  {
    breaks: 'the signature of a request is checked (S7)',
    file: 'packages/pki/src/csr.ts',
    from: `  if (!(await verify(csr))) throw invalid('its signature does not match its key');\n`,
    to: '',
    tests: ['packages/pki/src/authority.test.ts'],
  },
  {
    breaks: 'a caller with a certificate of another CA is refused',
    file: `${HTTPS}/caller.ts`,
    from: 'if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {',
    to: 'if (!certificate.checkIssued(ca)) {',
    tests: [`${HTTPS}/caller.test.ts`],
  },
  {
    breaks: 'a node renews its own certificate only',
    file: `${HTTPS}/issue-decision.ts`,
    from: '  if (caller.nodeName !== nodeName) {\n    return refuse(401,',
    to: '  if (caller.nodeName === "") {\n    return refuse(401,',
    tests: [`${HTTPS}/issue-decision.test.ts`],
  },
  {
    breaks: 'a shared token does not take the name of a node that exists (S10)',
    file: `${HTTPS}/issue-decision.ts`,
    from: `    kind: 'depends',\n    exists: false,`,
    to: `    kind: 'depends',\n    exists: true,`,
    tests: [`${HTTPS}/issue-decision.test.ts`],
  },
  {
    breaks: 'a token bound to a node is good for that node only (S10)',
    file: `${HTTPS}/issue-decision.ts`,
    from: '  if (caller.nodeName !== undefined) {\n    return refuse(403,',
    to: '  if (caller.nodeName === "") {\n    return refuse(403,',
    tests: [`${HTTPS}/issue-decision.test.ts`],
  },
];
