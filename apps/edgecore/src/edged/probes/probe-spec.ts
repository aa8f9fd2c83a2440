import type { Container, Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { expand } from '../runtime/expand.ts';
import { type HttpTarget, httpTargetOf, portOf } from './http-target.ts';
import { PROBE_KINDS, type ProbeKind, type ProbeTimes, type Thresholds } from './probe-machine.ts';

/** How a probe asks. */
export type ProbeHandler =
  | { readonly by: 'exec'; readonly command: readonly string[] }
  | { readonly by: 'http'; readonly target: HttpTarget }
  /** An empty host is the pod's address, here and below. */
  | { readonly by: 'tcp'; readonly host: string; readonly port: number }
  | { readonly by: 'grpc'; readonly port: number; readonly service: string }
  /** A spec that cannot be asked: every try is an error with this text, as the kubelet's is. */
  | { readonly by: 'nothing'; readonly problem: string };

/** A probe with Kubernetes' defaults and its port resolved. */
export interface ProbeSpec extends Thresholds, ProbeTimes {
  readonly kind: ProbeKind;
  readonly handler: ProbeHandler;
  readonly timeoutMs: number;
  /** Replaces the pod's grace period when this probe gives the container up. */
  readonly graceSeconds: number | undefined;
}

type ApiProbe = NonNullable<Container['livenessProbe']>;

const MAX_SECONDS = 1_000_000;

const FIELD = {
  startup: 'startupProbe',
  liveness: 'livenessProbe',
  readiness: 'readinessProbe',
} as const satisfies Record<ProbeKind, keyof Container>;

export function hasProbes(container: Container): boolean {
  return PROBE_KINDS.some((kind) => container[FIELD[kind]] != null);
}

/** The container's probes; never fails, a bad one becomes a probe that cannot be asked. */
export function probeSpecsOf(pod: Pod, container: Container): ProbeSpec[] {
  return PROBE_KINDS.flatMap((kind) => {
    const probe = container[FIELD[kind]];
    return probe == null ? [] : [probeSpecOf(kind, pod, container, probe)];
  });
}

function probeSpecOf(kind: ProbeKind, pod: Pod, container: Container, probe: ApiProbe): ProbeSpec {
  const grace = probe.terminationGracePeriodSeconds;
  return {
    kind,
    handler: readableHandlerOf(pod, container, probe),
    initialDelayMs: atLeast(0, probe.initialDelaySeconds, 0) * 1000,
    timeoutMs: atLeast(1, probe.timeoutSeconds, 1) * 1000,
    periodMs: atLeast(1, probe.periodSeconds, 10) * 1000,
    // The API server insists on 1 for these two; a static pod has not met it.
    successThreshold: kind === 'readiness' ? atLeast(1, probe.successThreshold, 1) : 1,
    failureThreshold: atLeast(1, probe.failureThreshold, 3),
    graceSeconds: kind === 'readiness' || typeof grace !== 'number' ? undefined : atLeast(1, grace, 1),
  };
}

/** A whole number in range; zero and what is no number get the default, as the API server sets it. */
function atLeast(least: number, value: unknown, otherwise: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least) return otherwise;
  return Math.min(MAX_SECONDS, Math.trunc(value));
}

/** A pod from a file has met no API server: its fields may have any type. */
function readableHandlerOf(pod: Pod, container: Container, probe: ApiProbe): ProbeHandler {
  try {
    return handlerOf(pod, container, probe);
  } catch (error) {
    return { by: 'nothing', problem: `the probe cannot be read: ${errorText(error)}` };
  }
}

function handlerOf(pod: Pod, container: Container, probe: ApiProbe): ProbeHandler {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) {
    const values = new Map((container.env ?? []).map(({ name, value }) => [name, value ?? '']));
    const command = (exec.command ?? []).map((word) => expand(String(word), (name) => values.get(name)));
    return { by: 'exec', command };
  }
  if (httpGet) {
    const target = httpTargetOf(httpGet, container);
    return 'problem' in target ? { by: 'nothing', problem: target.problem } : { by: 'http', target };
  }
  if (tcpSocket) {
    const port = portOf(tcpSocket.port, container);
    if (typeof port === 'string') return { by: 'nothing', problem: port };
    return { by: 'tcp', host: tcpSocket.host ?? '', port };
  }
  if (grpc) {
    const port = portOf(grpc.port, container);
    if (typeof port === 'string') return { by: 'nothing', problem: port };
    return { by: 'grpc', port, service: grpc.service ?? '' };
  }
  const { name, namespace = 'default', uid } = pod.metadata;
  return {
    by: 'nothing',
    problem: `missing probe handler for ${name}_${namespace}(${uid}):${container.name}`,
  };
}
