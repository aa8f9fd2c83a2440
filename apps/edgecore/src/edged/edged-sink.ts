import type { Node } from '@kubeedge-ts/apis';
import type { EdgedSink } from '../metamanager/meta-client.ts';
import type { NodeLease } from './node/lease.ts';
import type { NodeAgent } from './node/node-agent.ts';
import type { PodSet } from './pod-set.ts';
import type { NodeSettings } from './runtime/node-settings.ts';
import type { MirrorPods } from './static/mirror-pods.ts';
import type { NodeVolumes } from './volumes/node-volumes.ts';

export interface EdgedSinkOptions {
  readonly nodeChanged: (node: Node) => void;
  readonly node: Pick<NodeAgent, 'gone' | 'poke'>;
  readonly lease: Pick<NodeLease, 'poke'>;
  readonly mirrors: Pick<MirrorPods, 'poke'>;
  readonly volumes: Pick<NodeVolumes, 'connected'>;
  readonly settings: Pick<NodeSettings, 'poke'>;
  readonly pods: Pick<PodSet, 'changed' | 'deleted' | 'referencedChanged' | 'releaseHold' | 'retry'>;
}

/** Hands on what MetaManager tells edged. */
export function createEdgedSink(options: EdgedSinkOptions): EdgedSink {
  const { node, lease, mirrors, volumes, settings, pods } = options;
  return {
    podChanged(pod) {
      pods.changed(pod);
      settings.poke();
    },
    podDeleted(pod) {
      pods.deleted(pod);
      settings.poke();
    },
    nodeChanged: options.nodeChanged,
    nodeGone: () => node.gone(),
    referencedChanged: (type, namespace, name) => pods.referencedChanged(`${type}/${name}`, namespace),
    // Variables are made when a container is created; running ones keep theirs, as with any kubelet.
    servicesChanged: () => {},
    releaseHeldUpgrade: (pod) => pods.releaseHold(pod),
    connectionChanged(connected) {
      node.poke();
      lease.poke();
      mirrors.poke();
      if (!connected) return;
      volumes.connected();
      pods.retry();
    },
  };
}
