/** How the objects of an answer are shown. */
export type Form = 'object' | 'table' | 'partial';

/**
 * The first form in an Accept header that we can send. Everything is sent as JSON: clients that ask for another
 * encoding name JSON as their second choice or read the content type.
 */
export function negotiate(accept: string | undefined): Form {
  for (const entry of (accept ?? '').split(',')) {
    const [type, ...parameters] = entry.split(';').map((part) => part.trim());
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    if (as === undefined) return 'object';
    if (!parameters.includes('g=meta.k8s.io') || !parameters.includes('v=v1')) continue;
    if (as === 'Table') return 'table';
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'partial';
  }
  return 'object';
}
