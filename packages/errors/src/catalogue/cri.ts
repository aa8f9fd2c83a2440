import { defineErrors } from '../kubeedge-error.ts';

export const criErrors = defineErrors({
  CRI_UNAVAILABLE: {
    message: 'container runtime at {endpoint} cannot be reached for {method}: {problem}',
    advice:
      'Start containerd (or CRI-O) and check modules.edged.tailoredKubeletConfig.containerRuntimeEndpoint; edgecore keeps trying by itself.',
  },
  CRI_NOT_FOUND: {
    message: '{method}: the runtime does not know it: {problem}',
    advice: 'Usually harmless: the container, sandbox or image was removed a moment ago.',
  },
  CRI_FAILED: {
    message: '{method} failed with {grpcCode}: {problem}',
    advice: "Look at the container runtime's log; the operation is retried.",
  },
  CRI_MALFORMED: {
    message: 'answer {message} of the container runtime cannot be read: {problem}',
    advice: 'The endpoint does not speak CRI v1; containerd 1.6 or newer, or CRI-O 1.26 or newer, is needed.',
  },
  CRI_ENDPOINT_INVALID: {
    message: 'container runtime endpoint {endpoint} is not a unix socket address',
    advice: 'Use the form unix:///run/containerd/containerd.sock.',
  },
});
