import type { Admission } from './types.ts';

export interface NodeAdmissionOptions {
  /**
   * Accepts certificates of KubeEdge 1.9, whose subject is the same for every node (CN `kubeedge.io`). Any holder can
   * then be any node: for the time of a migration only.
   */
  readonly allowLegacyCertificates?: boolean;
}

/** Subject of a node's client certificate (spec/certificates-and-ports.md §4.3). */
const NODE_ORGANIZATION = 'system:nodes';
const nodeCommonName = (nodeName: string): string => `system:node:${nodeName}`;

const LEGACY_COMMON_NAME = 'kubeedge.io';

/** The certificate decides who the peer is; the header must agree with it (DESIGN §11). */
export function admitNode({ allowLegacyCertificates = false }: NodeAdmissionOptions = {}): Admission {
  return (peer) => {
    if (peer.commonName === nodeCommonName(peer.nodeName) && peer.organization === NODE_ORGANIZATION) {
      return { accept: true };
    }
    if (peer.commonName === LEGACY_COMMON_NAME) {
      if (allowLegacyCertificates) return { accept: true };
      return refuse(
        'a certificate of KubeEdge 1.9 does not name its node; enrol again with a token, or set allowLegacyCertificates',
      );
    }
    return refuse(
      `certificate of ${peer.commonName} (O=${peer.organization}) cannot be used as node ${peer.nodeName}`,
    );
  };
}

function refuse(reason: string): ReturnType<Admission> {
  return { accept: false, status: 403, reason };
}
