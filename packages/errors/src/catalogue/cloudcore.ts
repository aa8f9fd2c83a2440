import { defineErrors } from '../kubeedge-error.ts';

export const cloudcoreErrors = defineErrors({
  CLOUDCORE_NODE_LIMIT: {
    message: 'node {node} is refused: {connected} nodes are connected, the limit is {limit}',
    advice: 'Raise modules.cloudHub.nodeLimit, or run another cloudcore.',
  },
  CLOUDCORE_MESSAGE_FORGED: {
    message: 'node {node} sent {operation} {resource} in the name of the cloud module {source}',
    advice: 'The message was dropped. Look at what runs on this node; an edgecore never does this.',
  },
  CLOUDCORE_MESSAGE_UNSUPPORTED: {
    message: 'no module handles {operation} {resource} from {source}',
    advice: 'The message was dropped: the function it belongs to is not part of this version.',
  },
  CLOUDCORE_RECORD_REFUSED: {
    message: 'the API server does not accept the record {name}',
    advice:
      'The object is delivered without it. Usual while a namespace is being deleted; otherwise check the CRDs objectsyncs and clusterobjectsyncs.',
  },
  CLOUDCORE_KUBELET_REQUEST: {
    message: '{problem}',
    advice:
      'A request to the kubelet API of an edge node was answered with this status and text; docs/kubectl-at-the-edge.md says what each part does.',
  },
  CLOUDCORE_NODE_PORTS_TAKEN: {
    message: 'no port is free for node {node}: {tried} of {range} were tried',
    advice:
      'Widen modules.cloudStream.nodePorts. Until then the node is reached through modules.cloudStream.streamPort, which metrics-server cannot use.',
  },
  CLOUDCORE_SERVING_CERTIFICATE: {
    message: 'the cluster issues no serving certificate for the kubelet API of edge nodes: {problem}',
    advice:
      'One of the hub CA is used instead. An API server that verifies kubelets (--kubelet-certificate-authority) refuses it: approve the CertificateSigningRequest, or set tlsStreamCertFile and tlsStreamPrivateKeyFile.',
  },
  CLOUDCORE_IPTABLES: {
    message: 'iptables {arguments} failed: {problem}',
    advice: 'cloudcore needs the capability NET_ADMIN and the program iptables for this.',
  },
});
