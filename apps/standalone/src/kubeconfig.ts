import { stringify } from 'yaml';
import type { ServerIdentity } from './data-dir.ts';

const NAME = 'standalone';

/** A kubeconfig for the administrator, everything inline. */
export function adminKubeconfig(url: string, identity: Pick<ServerIdentity, 'ca' | 'admin'>): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: NAME,
          cluster: { server: url, 'certificate-authority-data': base64(identity.ca.cert) },
        },
      ],
      users: [
        {
          name: NAME,
          user: {
            'client-certificate-data': base64(identity.admin.cert),
            'client-key-data': base64(identity.admin.key),
          },
        },
      ],
      contexts: [{ name: NAME, context: { cluster: NAME, user: NAME } }],
      'current-context': NAME,
    },
    { lineWidth: 0 },
  );
}
