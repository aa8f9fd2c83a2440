import { defineErrors } from '../kubeedge-error.ts';

export const edgecoreErrors = defineErrors({
  EDGE_DISCONNECTED: {
    message: '{operation} {resource} needs the cloud, which is not connected',
    advice: 'Nothing to do: the edge reconnects by itself and the caller tries again.',
  },
  EDGE_REMOTE_FAILED: {
    message: 'the cloud refused {operation} {resource}: {reason} {problem}',
    advice:
      'The reason is that of the Kubernetes API. Forbidden: the node may touch only what belongs to it. NotFound: the object does not exist.',
  },
  EDGE_SEND_REFUSED: {
    message: 'message {operation} {resource} was not sent: {problem}',
    advice: 'The sender repeats it. If this persists the uplink is slower than what is reported over it.',
  },
  EDGE_INVENTORY_TOO_LARGE: {
    message: 'the store holds more than {limit} objects, the cloud cannot be told of them at once',
    advice: 'The cloud goes by its records: a store restored from a backup is not noticed on this node.',
  },
  EDGE_ENROL_FAILED: {
    message: 'no certificate from {httpServer}: {problem}',
    advice:
      'The edge keeps trying. Check that cloudcore runs and that modules.edgeHub.httpServer is its address and port (10002).',
  },
  EDGE_TOKEN_MISSING: {
    message: 'node {nodeName} has no usable certificate ({problem}) and no join token',
    advice: 'Mint a new token with keadm gettoken and put it in modules.edgeHub.token.',
  },
  EDGE_IDENTITY_FILE: {
    message: 'cannot use {file}: {problem}',
    advice:
      'Check the path in modules.edgeHub or modules.edgeStream and the permissions of the file and its folder.',
  },
});
