import { defineErrors } from '../kubeedge-error.ts';

export const pkiErrors = defineErrors({
  PKI_PEM_INVALID: {
    message: '{what} holds no usable PEM or DER: {problem}',
    advice: 'Check the file or secret named in the message; it must hold an unencrypted certificate or key.',
  },
  PKI_CA_INVALID: {
    message: 'CA from {source} cannot be used: {problem}',
    advice:
      'The CA needs a certificate and its unencrypted EC private key. Restore both, or remove both so that a new CA is made; every node must then join again.',
  },
  PKI_PAIR_INCOMPLETE: {
    message: 'only one of {certFile} and {keyFile} exists',
    advice: 'Provide both files or none of them.',
  },
  PKI_CSR_INVALID: {
    message: 'certificate request is not acceptable: {problem}',
    advice: 'The request must be a PKCS#10 in DER, signed by its own key, for the name of the asking node.',
  },
  PKI_TOKEN_MALFORMED: {
    message: 'join token is malformed: {problem}',
    advice: 'A join token has four parts separated by dots; copy it whole from "keadm gettoken".',
  },
  PKI_TOKEN_EXPIRED: {
    message: 'join token expired at {expiredAt}',
    advice: 'Get a new token with "keadm gettoken" and put it into modules.edgeHub.token.',
  },
  PKI_TOKEN_FOREIGN: {
    message: 'join token belongs to another cloudcore than {server}',
    advice:
      'Get the token from the cluster this address belongs to, or correct modules.edgeHub.httpServer. If the cloud got a new CA, every node needs a new token.',
  },
  PKI_REFUSED: {
    message: '{server} refused to issue a certificate for node {node} with status {status}: {reason}',
    advice:
      'Read the reason: an existing node name needs the old certificate, a token bound to it, or "kubectl delete node" first.',
  },
  PKI_UNREACHABLE: {
    message: 'cannot reach {server}: {problem}',
    advice: 'Check modules.edgeHub.httpServer, firewall and that cloudcore runs; the edge keeps trying.',
  },
  PKI_SERVER_UNTRUSTED: {
    message: 'certificate of {server} cannot be trusted: {problem}',
    advice:
      'Nothing secret was sent. Add the address the edge uses to advertiseAddress or dnsNames of cloudcore, and check that no other server answers there.',
  },
  PKI_ANSWER_UNEXPECTED: {
    message: '{server} answered {what} with something unusable: {problem}',
    advice: 'Check that the address is the HTTPS port of cloudcore (10002) and look into its log.',
  },
});
