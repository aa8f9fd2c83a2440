import type { KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';

/** What every controller works with. */
export interface ControllerPorts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * A level-triggered loop: events only say which object to look at again, what is done follows from what is so now.
 * It acts once its informers are synced.
 */
export interface Controller {
  readonly name: string;
  /** Resolves when nothing is left to look at now. */
  idle(): Promise<void>;
  /** Ends all work; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}
