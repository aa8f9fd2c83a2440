import type { Pod, PodStatus } from '@kubeedge-ts/apis';

/** One pod sandbox as the runtime reports it. Times are milliseconds since the epoch. */
export interface Sandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAt: number;
  /** Empty while there is no network, and always with the host's. */
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
}

export type RuntimeContainerState = 'created' | 'running' | 'exited' | 'unknown';

/** One container as the runtime reports it; several of one name are its successive runs. */
export interface RuntimeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  /** Times the container was started again before this run. */
  readonly restartCount: number;
  readonly state: RuntimeContainerState;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** As the runtime names it. */
  readonly image: string;
  readonly imageId: string;
  /** The image the spec asked for when edged created it; undefined for containers another edgecore created. */
  readonly specImage: string | undefined;
}

/** What the runtime has of one pod; both lists newest first. */
export interface PodRuntime {
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly RuntimeContainer[];
}

/** Why the last attempt to start something failed; cleared by a success. Keyed by container name, `''` for the pod. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
  /** Reason and message shown once the attempt is old news, such as ImagePullBackOff after ErrImagePull. */
  readonly later?: { readonly reason: string; readonly message: string };
  readonly at: number;
  readonly retryAt: number;
}

/** Back-off of a container that keeps exiting (spec/edged.md §7). */
export interface CrashBackoff {
  readonly delayMs: number;
  readonly updatedAt: number;
}

/** What the probes of one running container have found (spec/edged.md §8). */
export interface ProbeFindings {
  /** It has no startup probe, or that has succeeded. */
  readonly started: boolean;
  /** And it has no readiness probe, or that succeeds. */
  readonly ready: boolean;
  /** A liveness or startup probe has given it up. */
  readonly failed?: { readonly kind: 'liveness' | 'startup'; readonly graceSeconds?: number };
}

/** The pod is to end as `Failed` though the API does not say so: refused, evicted, over its deadline, node shutdown. */
export interface EndOrder {
  readonly reason: string;
  readonly message: string;
  /** Overrides the pod's own grace. */
  readonly graceSeconds?: number;
  /** Shown as condition `DisruptionTarget`: the pod did nothing wrong. */
  readonly disruption?: true;
  /** Never let in: nothing of it has run, and its status says nothing of containers. */
  readonly refused?: true;
}

/** What `decide` knows. */
export interface PodState {
  readonly pod: Pod;
  /** The API object is gone, or never was in the store: end the pod and forget it. */
  readonly gone: boolean;
  readonly runtime: PodRuntime;
  /** The status last computed here; at first the one that came with the pod. */
  readonly previous: PodStatus;
  readonly failures: ReadonlyMap<string, StartFailure>;
  readonly crashes: ReadonlyMap<string, CrashBackoff>;
  /** Runs that were ended to be replaced, by container id: restarted whatever their exit code. */
  readonly replaced: ReadonlyMap<string, Replacement>;
  /** By container id; a container without probes is not in it. */
  readonly probes: ReadonlyMap<string, ProbeFindings>;
  readonly order: EndOrder | undefined;
  /** When the pod began to end, ms since the epoch; undefined while it does not: the grace counts from then. */
  readonly endingSince: number | undefined;
  /** Waits for someone to release its upgrade (spec/edged.md §1.2). */
  readonly held: boolean;
  /** Volumes, cgroup and files of the pod are gone. */
  readonly released: boolean;
  readonly node: NodeFacts;
}

/** What a pod's status and start depend on besides the pod. */
export interface NodeFacts {
  readonly hostIPs: readonly string[];
  /** Prefix of container ids, `containerd`. */
  readonly runtimeName: string;
  /** Undefined when the pod network works; else why not. */
  readonly networkProblem: string | undefined;
}

/** Something to do with the runtime or the machine, in order; each is followed by a fresh look. */
export type Action =
  | { readonly do: 'stopContainers'; readonly containers: readonly Stop[] }
  | { readonly do: 'stopSandboxes'; readonly ids: readonly string[] }
  | { readonly do: 'removeContainers'; readonly ids: readonly string[] }
  | { readonly do: 'removeSandboxes'; readonly ids: readonly string[] }
  | { readonly do: 'createSandbox'; readonly attempt: number }
  | { readonly do: 'startContainer'; readonly start: Start }
  /** Unmounts volumes and removes cgroup and files. */
  | { readonly do: 'release' }
  /** Tells the cloud that the pod has ended (unless it is gone there) and ends the worker. */
  | { readonly do: 'finish' };

export interface Stop {
  readonly id: string;
  readonly name: string;
  readonly graceSeconds: number;
  /** Shown in the event: `Stopping container a`. */
  readonly why: string;
  readonly replace?: Replacement;
}

/** Why a run is replaced: its definition changed (at once), or its probes gave it up (with the crash back-off). */
export type Replacement = 'changed' | 'unhealthy';

export interface Start {
  readonly name: string;
  readonly sandboxId: string;
  /** Undefined: the runtime knows no earlier run, the log directory may. */
  readonly attempt: number | undefined;
  /** The run this one replaces ended at this time: the crash back-off advances. */
  readonly afterExit: number | undefined;
}

export interface Decision {
  readonly actions: readonly Action[];
  readonly status: PodStatus;
  /** Nothing is started any more. */
  readonly ending: boolean;
  /** When to look again though nothing has happened, ms since the epoch. */
  readonly requeueAt: number | undefined;
}
