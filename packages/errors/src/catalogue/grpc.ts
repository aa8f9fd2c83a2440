import { defineErrors } from '../kubeedge-error.ts';

export const grpcErrors = defineErrors({
  GRPC_UNAVAILABLE: {
    message: '{endpoint} cannot be reached for {method}: {problem}',
    advice:
      'Check that the program behind the socket runs (a CSI driver, a device plugin); the call is repeated.',
  },
  GRPC_FAILED: {
    message: '{method} at {endpoint} failed with {grpcCode}: {problem}',
    advice: 'Look at the log of the program behind the socket; the operation is retried where that helps.',
  },
  GRPC_MALFORMED: {
    message: 'message {message} cannot be read: {problem}',
    advice: 'The other side speaks another protocol, or another version of it.',
  },
  GRPC_ENDPOINT_INVALID: {
    message: '{endpoint} is not an address gRPC can be spoken to',
    advice: 'Use a unix socket (unix:///path or an absolute path).',
  },
  GRPC_LISTEN_FAILED: {
    message: 'cannot listen on {endpoint}: {problem}',
    advice: 'Another program may own the socket (a kubelet, a second edgecore), or its directory is missing.',
  },
});
