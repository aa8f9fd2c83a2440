import { defineErrors } from '../kubeedge-error.ts';

export const viaductErrors = defineErrors({
  VIADUCT_CLOSED: {
    message: 'connection with {peer} is closed: {code} {reason}',
    advice:
      'The link ended; the edge reconnects by itself. Look for the reason in the log of the other side.',
  },
  VIADUCT_TOO_LARGE: {
    message: 'frame of {bytes} bytes exceeds the limit of {maxBytes}',
    advice: 'Make the object smaller; a frame of this size would be refused by the peer.',
  },
  VIADUCT_BUFFER_FULL: {
    message: '{bufferedBytes} bytes wait to be written to {peer}, the limit is {maxBytes}',
    advice: 'The peer reads too slowly; wait for earlier sends before sending more.',
  },
  VIADUCT_REFUSED: {
    message: '{url} refused the connection with status {status}: {reason}',
    advice:
      '401: the certificate is not from this cloud, or has expired. 403: the certificate belongs to another node name. Enrol again with a fresh token, or correct the node name.',
  },
  VIADUCT_UNREACHABLE: {
    message: 'cannot reach {url}: {problem}',
    advice: 'Check address, port, firewall and that cloudcore runs; the edge keeps trying.',
  },
  VIADUCT_TLS: {
    message: 'no TLS connection with {url}: {problem}',
    advice:
      'The server certificate must come from the CA this node trusts and cover the host of the address; add the host to advertiseAddress or dnsNames of cloudcore.',
  },
  VIADUCT_LISTEN: {
    message: 'cannot listen on {address}:{port}: {problem}',
    advice: 'Another program uses the port, or the address is not one of this machine.',
  },
});
