const DOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** `requests.` must fit before it in a quota. */
const MAX_PREFIXED = 253 - 'requests.'.length;
const MAX_NAME = 63;

/** Whether it is a name that somebody else than Kubernetes may give a resource: `vendor.example/gpu`. */
export function isExtendedResource(name: string): boolean {
  const [domain = '', own = '', ...more] = name.split('/');
  if (more.length > 0 || own === '' || name.startsWith('requests.')) return false;
  if (domain.length > MAX_PREFIXED || own.length > MAX_NAME) return false;
  if (domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io')) return false;
  return DOMAIN.test(domain) && NAME.test(own);
}
