import type { Node } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { EdgedConfig } from '../config.ts';
import { lacksMachineLabels, metadataPatch, ownAnnotations, ownLabels } from './node-metadata.ts';

export interface RegistrationOptions {
  readonly config: EdgedConfig;
  readonly architecture: string;
  readonly meta: Pick<MetaClient, 'createNode' | 'patchNode'>;
  readonly wanted: () => Node;
  readonly log: Logger;
}

/** Sees to it that the cluster has the node's object, and that its labels are right. */
export interface Registration {
  /** The node has to be created still. */
  readonly due: boolean;
  /**
   * Creates the node; resolves with it, or with undefined when it was there already.
   * @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED
   */
  register(): Promise<Node | undefined>;
  /** Corrects labels and annotations of a node that was there already; a refusal is logged and tried again next time. */
  reconcile(known: Node | undefined): Promise<void>;
  /** Whether the node's object lacks what pods are scheduled by; it is corrected at the next `reconcile`. */
  questions(node: Node): boolean;
  /** The node is gone. */
  again(): void;
}

export function createRegistration({
  config,
  architecture,
  meta,
  wanted,
  log,
}: RegistrationOptions): Registration {
  const metadata = { labels: ownLabels(config.nodeName, architecture), annotations: ownAnnotations(config) };
  let due = config.registerNode;
  let reconcileDue = false;
  let refused = false;

  return {
    get due() {
      return due;
    },
    async register() {
      try {
        const node = await meta.createNode(wanted());
        due = false;
        reconcileDue = false;
        log.info({ node: config.nodeName }, 'node registered');
        return node;
      } catch (error) {
        if (!isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') || error.details['reason'] !== 'AlreadyExists')
          throw error;
        due = false;
        reconcileDue = true;
        log.info({ node: config.nodeName }, 'node is registered already, reporting its status');
        return undefined;
      }
    },
    async reconcile(known) {
      if (!reconcileDue) return;
      const patch = metadataPatch(metadata, known);
      try {
        if (patch !== undefined) await meta.patchNode(config.nodeName, patch);
        reconcileDue = false;
        refused = false;
      } catch (error) {
        if (!refused) log.warn({ patch, err: errorText(error) }, 'labels of the node could not be corrected');
        refused = true;
      }
    },
    questions(node) {
      if (config.registerNode && lacksMachineLabels(metadata, node)) reconcileDue = true;
      return reconcileDue;
    },
    again() {
      due = config.registerNode;
    },
  };
}
