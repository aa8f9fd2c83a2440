import { defineErrors } from '../kubeedge-error.ts';

export const kubeErrors = defineErrors({
  KUBE_STATUS: {
    message: 'the API server answered {method} {path} with {code} {reason}: {message}',
    advice:
      'See the reason: Forbidden is a matter of RBAC, NotFound of the name or a CRD that is not installed, Conflict is retried by the caller.',
  },
  KUBE_UNREACHABLE: {
    message: 'no answer from the API server {server} to {method} {path}',
    advice: 'Check the address in the kubeconfig, the network and whether the API server runs.',
  },
  KUBE_TIMEOUT: {
    message: '{method} {path} was not answered within {timeoutMs} ms',
    advice: 'The API server is overloaded or the network drops packets; the call is retried by its caller.',
  },
  KUBE_RESPONSE_INVALID: {
    message: 'the answer to {method} {path} is not what a Kubernetes API sends: {problem}',
    advice: 'Check that the address in the kubeconfig is an API server and not a proxy or web page.',
  },
  KUBE_RESPONSE_TOO_LARGE: {
    message: 'the answer to {method} {path} is longer than {limit} bytes',
    advice: 'List with a smaller page size, or find the object that has grown this large.',
  },
  KUBE_REQUEST_INVALID: {
    message: 'request for {resource} cannot be built: {problem}',
    advice: 'This is a fault of the program: a namespaced resource needs a namespace and an object a name.',
  },
  KUBE_CONFIG_MISSING: {
    message: 'no kubeconfig found: looked at {paths}',
    advice: 'Name a kubeconfig in the configuration or in KUBECONFIG, or run inside a cluster.',
  },
  KUBE_CONFIG_INVALID: {
    message: 'kubeconfig {path}: {problem}',
    advice: 'Correct the named entry; `kubectl config view` shows what kubectl understands.',
  },
  KUBE_CONFIG_INSECURE: {
    message: 'kubeconfig {path}: cluster {cluster} sets insecure-skip-tls-verify, which is not supported',
    advice: 'Put the certificate authority of the API server into certificate-authority-data instead.',
  },
  KUBE_CREDENTIALS: {
    message: 'credentials of user {user} cannot be had: {problem}',
    advice: 'Check the files or the credential plugin that the kubeconfig names for this user.',
  },
  KUBE_SELECTOR_INVALID: {
    message: 'selector {selector} cannot be parsed: {problem}',
    advice: 'Correct the selector; the syntax is that of `kubectl get -l`.',
  },
  KUBE_PATCH_INVALID: {
    message: 'JSON patch operation {index} ({op} {path}) cannot be applied: {problem}',
    advice: 'The patch does not fit the object; read the object again and compute a new patch.',
  },
});
