import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialErrorText } from './dial-error.ts';

const failed = (code: string, message = code, more: object = {}) =>
  Object.assign(new Error(message), { code, ...more });
const text = (error: unknown, host = '10.0.0.1') => dialErrorText(error, { host, port: 10_250 });

test('what users of kubectl know to read is what they get', () => {
  assert.equal(text(failed('ECONNREFUSED')), 'dial tcp 10.0.0.1:10250: connect: connection refused');
  assert.equal(
    text(failed('EHOSTUNREACH'), 'fd00::1'),
    'dial tcp [fd00::1]:10250: connect: no route to host',
  );
  assert.equal(text(failed('ETIMEDOUT')), 'dial tcp 10.0.0.1:10250: i/o timeout');
  assert.equal(text(failed('ENOTFOUND'), 'edge'), 'dial tcp: lookup edge: no such host');
  assert.equal(text(failed('ECONNRESET')), 'read tcp 10.0.0.1:10250: connection reset by peer');
  assert.equal(text(failed('ECONNRESET', 'socket hang up')), 'EOF');
});

test('a certificate that is not believed says why', () => {
  const x509 = 'tls: failed to verify certificate: x509:';
  assert.equal(text(failed('SELF_SIGNED_CERT_IN_CHAIN')), `${x509} certificate signed by unknown authority`);
  assert.equal(text(failed('CERT_HAS_EXPIRED')), `${x509} certificate has expired or is not yet valid`);
  const names = { cert: { subjectaltname: 'DNS:edge, IP Address:10.0.0.2' } };
  const mismatch = failed('ERR_TLS_CERT_ALTNAME_INVALID', 'x', names);
  assert.equal(text(mismatch), `${x509} certificate is valid for edge, 10.0.0.2, not 10.0.0.1`);
  assert.match(text(failed('ERR_TLS_CERT_ALTNAME_INVALID')), /doesn't contain any IP SANs$/);
});

test('anything else is told in its own words', () => {
  assert.equal(text(new Error('odd')), 'odd');
  assert.equal(text('odd'), 'odd');
});
