import type { PodIdentity } from '../runtime/labels.ts';
import type { TryOutcome } from './outcome.ts';
import type { ProbeKind } from './probe-machine.ts';

/** One sample of `prober_probe_total`, a counter, with the kubelet's labels. */
export interface ProbeCount {
  readonly labels: {
    readonly probe_type: 'Startup' | 'Liveness' | 'Readiness';
    readonly result: 'successful' | 'failed' | 'unknown';
    readonly container: string;
    readonly pod: string;
    readonly namespace: string;
    readonly pod_uid: string;
  };
  readonly value: number;
}

export const PROBE_TITLES = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

export interface ProbeMetrics {
  /** Errors are not counted: they say nothing about the container. */
  count(
    pod: PodIdentity,
    container: string,
    kind: ProbeKind,
    outcome: Exclude<TryOutcome['is'], 'error'>,
  ): void;
  forget(podUid: string): void;
  /** The samples as they are now. */
  samples(): Generator<ProbeCount>;
}

interface Tally {
  readonly pod: PodIdentity;
  readonly container: string;
  readonly kind: ProbeKind;
  successful: number;
  failed: number;
}

export function createProbeMetrics(): ProbeMetrics {
  /** Pod uid → `kind container`. */
  const tallies = new Map<string, Map<string, Tally>>();

  return {
    count(pod, container, kind, outcome) {
      let ofPod = tallies.get(pod.uid);
      if (ofPod === undefined) {
        ofPod = new Map();
        tallies.set(pod.uid, ofPod);
      }
      const key = `${kind} ${container}`;
      let tally = ofPod.get(key);
      if (tally === undefined) {
        tally = { pod, container, kind, successful: 0, failed: 0 };
        ofPod.set(key, tally);
      }
      tally[outcome === 'failure' ? 'failed' : 'successful'] += 1;
    },
    forget: (podUid) => void tallies.delete(podUid),
    *samples() {
      for (const ofPod of tallies.values()) {
        for (const { pod, container, kind, successful, failed } of ofPod.values()) {
          const labels = {
            probe_type: PROBE_TITLES[kind],
            container,
            pod: pod.name,
            namespace: pod.namespace,
            pod_uid: pod.uid,
          };
          if (successful > 0) yield { labels: { ...labels, result: 'successful' }, value: successful };
          if (failed > 0) yield { labels: { ...labels, result: 'failed' }, value: failed };
        }
      }
    },
  };
}
