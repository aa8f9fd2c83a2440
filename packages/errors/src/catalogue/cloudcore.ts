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
});
