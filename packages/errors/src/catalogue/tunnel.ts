import { defineErrors } from '../kubeedge-error.ts';

export const tunnelErrors = defineErrors({
  TUNNEL_CLOSED: {
    message: 'the tunnel of node {node} has ended: {reason}',
    advice: 'The edge dials again by itself within seconds; repeat the command then.',
  },
  TUNNEL_BUSY: {
    message: 'node {node} has {open} streams open, the limit is {limit}',
    advice: 'End some of the logs, exec and port-forward sessions of this node, or try again later.',
  },
  TUNNEL_STREAM_RESET: {
    message: 'a stream of the tunnel of node {node} was cut off by the other end',
    advice:
      'The program on the other end of it has gone, or edgecore refused the connection: look at its log.',
  },
  TUNNEL_STREAM_BEHIND: {
    message: 'a stream of node {node} was ended: {bytes} bytes wait for their reader, the limit is {limit}',
    advice:
      'An upstream peer cannot be asked to send more slowly. Read faster, ask for less (--tail, --limit-bytes), or run kubeedge-ts on both ends.',
  },
  TUNNEL_REQUEST_INVALID: {
    message: 'the request for the kubelet cannot be carried by the tunnel: {problem}',
    advice: 'An upstream peer takes paths, headers and bodies of a connect frame within limits only.',
  },
  TUNNEL_FRAME_INVALID: {
    message: 'a frame of the tunnel is malformed: {problem}',
    advice: 'It was ignored or its stream ended. The peer speaks another protocol than KubeEdge 1.9 to 1.23.',
  },
  TUNNEL_REFUSED: {
    message: '{url} refused the tunnel with status {status}: {reason}',
    advice:
      '401: the certificate is not from this cloud, or has expired. 403: the certificate belongs to another node name. 404: no CloudStream listens there; correct modules.edgeStream.server.',
  },
  TUNNEL_UNREACHABLE: {
    message: 'cannot reach {url}: {problem}',
    advice:
      'Check modules.edgeStream.server, the firewall, and that modules.cloudStream is enabled; the edge keeps trying.',
  },
  TUNNEL_TLS: {
    message: 'no TLS connection with {url}: {problem}',
    advice:
      'The server certificate must come from the CA this node trusts and cover the host of the address; add the host to advertiseAddress or dnsNames of cloudcore.',
  },
  TUNNEL_LISTEN: {
    message: 'cannot listen on {address}:{port}: {problem}',
    advice: 'Another program uses the port, or the address is not one of this machine.',
  },
});
