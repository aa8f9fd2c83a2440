import { connect } from 'node:net';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { startDeadline } from './deadline.ts';
import { runInContainer } from './exec.ts';
import { hostPort, networkProblem } from './go-text.ts';
import { type GrpcHealthCheck, probeByGrpc } from './grpc-health.ts';
import { httpGet } from './http-get.ts';
import type { TryOutcome } from './outcome.ts';
import type { ProbeHandler, ProbeSpec } from './probe-spec.ts';
import { userAgentFor } from './user-agent.ts';

export interface ProberOptions {
  readonly cri: Pick<CriClient, 'execSync'>;
  readonly grpc: GrpcHealthCheck;
  readonly clock: Clock;
}

export interface ProbeTarget {
  readonly containerId: string;
  /** Empty while unknown. */
  readonly podIP: string;
}

/** Asks once; resolves within the probe's timeout (exec: with a moment for the runtime to clean up). Never rejects. */
export type Prober = (spec: ProbeSpec, target: ProbeTarget, signal: AbortSignal) => Promise<TryOutcome>;

type HandlerOf<By extends ProbeHandler['by']> = Extract<ProbeHandler, { by: By }>;

export function createProber({ cri, grpc, clock }: ProberOptions): Prober {
  const byExec = async (
    { command }: HandlerOf<'exec'>,
    { timeoutMs }: ProbeSpec,
    { containerId }: ProbeTarget,
    signal: AbortSignal,
  ): Promise<TryOutcome> => {
    const ran = await runInContainer(cri, containerId, command, { timeoutMs, signal });
    switch (ran.is) {
      case 'exit':
        return { is: ran.code === 0 ? 'success' : 'failure', output: ran.output };
      case 'timeout':
        return { is: 'failure', output: ran.problem };
      case 'error':
        return { is: 'error', problem: ran.problem, ...(ran.runtimeAway ? { quiet: true } : {}) };
    }
  };

  const byHttp = async (
    { target }: HandlerOf<'http'>,
    host: string,
    signal: AbortSignal,
  ): Promise<TryOutcome> => {
    const answer = await httpGet(target, host, { purpose: 'probe', signal });
    if (answer.is === 'none') return { is: 'failure', output: answer.problem };
    // The headers were good and the body never came: the kubelet concludes nothing from it.
    if (answer.is === 'broken') return { is: 'error', problem: answer.problem };
    const { status, body } = answer;
    if (status >= 200 && status < 300) return { is: 'success', output: body };
    if (status >= 300 && status < 400) {
      return { is: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
    }
    // The body may hold secrets and does not belong into an event.
    return { is: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  };

  const ask = async (spec: ProbeSpec, target: ProbeTarget, signal: AbortSignal): Promise<TryOutcome> => {
    const { handler, timeoutMs } = spec;
    if (handler.by === 'nothing') return { is: 'error', problem: handler.problem };
    if (handler.by === 'exec') return byExec(handler, spec, target, signal);
    const ownHost = handler.by === 'http' ? handler.target.host : handler.by === 'tcp' ? handler.host : '';
    const host = ownHost === '' ? target.podIP : ownHost;
    // Node would take an empty host for its own machine.
    if (host === '') return { is: 'error', problem: 'the pod has no address', quiet: true };
    if (handler.by === 'grpc') {
      const { port, service } = handler;
      const userAgent = userAgentFor('probe');
      return probeByGrpc(grpc, { host, port, service, timeoutMs, clock, signal, userAgent });
    }
    const deadline = startDeadline(clock, timeoutMs, signal);
    try {
      if (handler.by === 'http') return await byHttp(handler, host, deadline.signal);
      return await byTcp(host, handler.port, deadline.signal);
    } finally {
      deadline.end();
    }
  };

  return async (spec, target, signal) => {
    try {
      return await ask(spec, target, signal);
    } catch (error) {
      return { is: 'error', problem: errorText(error) };
    }
  };
}

/** A connection is made, and closed without a word. */
function byTcp(host: string, port: number, signal: AbortSignal): Promise<TryOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (outcome: TryOutcome): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(outcome);
    };
    const fail = (output: string): void => settle({ is: 'failure', output });
    const onAbort = (): void => fail(`dial tcp ${hostPort(host, port)}: i/o timeout`);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => settle({ is: 'success', output: '' }));
    socket.on('error', (error) => fail(networkProblem(error, host, port)));
    if (signal.aborted) onAbort();
  });
}
