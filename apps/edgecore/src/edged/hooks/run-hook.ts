import type { Container } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import type { Events } from '../events.ts';
import { runInContainer } from '../probes/exec.ts';
import { goList, goQuoted, hostPort } from '../probes/go-text.ts';
import { type HttpAnswer, httpGet } from '../probes/http-get.ts';
import { type HttpTarget, httpTargetOf } from '../probes/http-target.ts';
import type { HookTarget } from '../runtime/carry-out.ts';
import { identityOf } from '../runtime/labels.ts';

export type HookHandler = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;

export interface RunHookOptions {
  readonly cri: Pick<CriClient, 'execSync'>;
  readonly events: Pick<Events, 'pod'>;
  readonly clock: Clock;
}

/** Resolves with undefined, or with the failure as the kubelet words it. Rejects with the signal's reason. */
export type RunHook = (
  handler: HookHandler,
  ports: Container['ports'],
  target: HookTarget,
  signal: AbortSignal,
) => Promise<string | undefined>;

export function createRunHook({ cri, events, clock }: RunHookOptions): RunHook {
  const byExec = async (
    command: readonly string[],
    containerId: string,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const ran = await runInContainer(cri, containerId, command, { signal });
    if (ran.is !== 'exit') return `error: ${ran.problem}, message: ""`;
    if (ran.code === 0) return undefined;
    const error = `command '${command.join(' ')}' exited with ${ran.code}: ${ran.stderr}`;
    return `error: ${error}, message: ${goQuoted(ran.output)}`;
  };

  /** Whatever the server answers is an answer; its status says nothing (upstream's behaviour). */
  const byHttp = async (
    wanted: HttpTarget,
    { pod, podIPs }: HookTarget,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const host = wanted.host === '' ? podIPs[0] : wanted.host;
    if (host === undefined) return 'failed to find networking container: the pod has no address';
    const get = async (target: HttpTarget): Promise<HttpAnswer> => {
      const answer = await httpGet(target, host, { purpose: 'lifecycle', signal });
      signal.throwIfAborted();
      return answer;
    };
    const answer = await get(wanted);
    if (answer.is !== 'none') return undefined;
    if (answer.plain === true) {
      // What was meant for an encrypted connection is not sent over a plain one.
      const headers = wanted.headers.filter(({ name }) => name.toLowerCase() !== 'authorization');
      const plain = await get({ ...wanted, secure: false, headers });
      if (plain.is !== 'none') {
        const address = hostPort(host, wanted.port);
        const text = `request to HTTPS lifecycle hook ${address} got HTTP response, retry with HTTP succeeded`;
        events.pod(pod, 'Warning', 'LifecycleHTTPFallback', text);
        return undefined;
      }
    }
    return answer.problem;
  };

  return async (handler, ports, target, signal) => {
    const { name, namespace, uid } = identityOf(target.pod);
    const whose = `for Container ${goQuoted(target.name)} in Pod ${goQuoted(`${name}_${namespace}(${uid})`)}`;
    if (handler.exec) {
      const { command: given } = handler.exec;
      // Read from an annotation it may be anything.
      const command = Array.isArray(given) ? given.map(String) : [];
      const problem = await byExec(command, target.containerId, signal);
      return problem && `Exec lifecycle hook (${goList(command)}) ${whose} failed - ${problem}`;
    }
    if (handler.httpGet) {
      const wanted = httpTargetOf(handler.httpGet, { ports: ports ?? [] });
      const problem = 'problem' in wanted ? wanted.problem : await byHttp(wanted, target, signal);
      return (
        problem && `HTTP lifecycle hook (${handler.httpGet.path ?? ''}) ${whose} failed - error: ${problem}`
      );
    }
    if (handler.sleep) {
      await sleep(clock, Math.max(0, Number(handler.sleep.seconds) || 0) * 1000, signal);
      return undefined;
    }
    // tcpSocket among them: the API keeps the field, no kubelet carries it out.
    return `Cannot run handler: invalid handler: ${JSON.stringify(handler)}`;
  };
}
