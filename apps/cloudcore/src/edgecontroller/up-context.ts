import type { Message, MessageOrigin, Pod, RoutedMessage, RouteName } from '@kubeedge-ts/apis';
import type { KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Downstream } from '../cloudhub/downstream.ts';
import type { Answers } from '../controllers/answers.ts';
import type { EdgePeers } from '../controllers/edge-peers.ts';
import type { Caches } from './caches.ts';
import type { EventPace } from './event-pace.ts';
import type { VolumeReferences } from './volume-references.ts';

/** What the handlers of edge messages work with. */
export interface UpPorts {
  readonly kube: KubeClient;
  readonly caches: Caches;
  readonly downstream: Pick<Downstream, 'post' | 'unwant'>;
  readonly answers: Answers;
  readonly peers: Pick<EdgePeers, 'has'>;
  readonly pace: EventPace;
  readonly volumes: Pick<VolumeReferences, 'of'>;
  readonly origin: MessageOrigin;
  readonly clock: Clock;
  readonly log: Logger;
  /** `cloudcore` annotation of the nodes created here; none if empty. */
  readonly address: string;
}

/** One message of a node, admitted. */
export interface UpRequest<R extends RouteName = RouteName> {
  readonly node: string;
  readonly routed: RoutedMessage<R>;
  readonly pods: readonly Pod[];
  readonly signal: AbortSignal;
}

/** Carries a request out; the answer, if one is due. Failures of the API are thrown and answered by the caller. */
export type UpHandler<R extends RouteName> = (request: UpRequest<R>) => Promise<Message | undefined>;
