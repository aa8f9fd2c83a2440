import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { cloudcoreErrors, errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { KubeletEndpoint } from '../controllers/kubelet-endpoint.ts';

/**
 * Upstream's way to bring the API server's connections to cloudcore: whatever address it dials, by the port alone
 * (spec/cloudstream-edgestream.md §5.2). Of use only on the API server's own host.
 */
export interface PortRedirects {
  /** Connections to that port, of any address, go to the endpoint. @throws KubeEdgeError CLOUDCORE_IPTABLES */
  add(endpoint: KubeletEndpoint): Promise<void>;
  /** Takes back all that was added. */
  close(): Promise<void>;
}

/** Runs a program; resolves with its exit code and what it complained. */
export type Run = (
  program: string,
  argv: readonly string[],
) => Promise<{ readonly code: number; readonly complaint: string }>;

export interface PortRedirectsOptions {
  readonly run?: Run;
  readonly log: Logger;
}

/** Upstream's names, so that either finds the other's and none is there twice. */
const CHAIN = 'TUNNEL-PORT';
const JUMP = ['-m', 'comment', '--comment', 'kubeedge tunnel port', '-j', CHAIN];
const TABLE = ['-w', '5', '-t', 'nat'];
const TIMEOUT_MS = 20_000;

export function createPortRedirects({ run = runProgram, log }: PortRedirectsOptions): PortRedirects {
  const added = new Map<string, { readonly program: string; readonly rule: readonly string[] }>();

  const iptables = async (program: string, ...argv: readonly string[]): Promise<void> => {
    const { code, complaint } = await run(program, [...TABLE, ...argv]);
    if (code === 0) return;
    const problem = complaint.trim() || `exit code ${code}`;
    throw cloudcoreErrors.create('CLOUDCORE_IPTABLES', { arguments: argv.join(' '), problem });
  };
  const holds = async (program: string, ...argv: readonly string[]): Promise<boolean> =>
    (await run(program, [...TABLE, ...argv])).code === 0;
  const ensure = async (program: string, chain: string, rule: readonly string[]): Promise<void> => {
    if (!(await holds(program, '-C', chain, ...rule))) await iptables(program, '-A', chain, ...rule);
  };

  return {
    async add(endpoint) {
      const { port, address } = endpoint;
      const program = isIP(address) === 6 ? 'ip6tables' : 'iptables';
      const rule = redirectRule(endpoint);
      if (!(await holds(program, '-L', CHAIN, '-n'))) await iptables(program, '-N', CHAIN);
      await ensure(program, 'PREROUTING', JUMP);
      await ensure(program, 'OUTPUT', JUMP);
      await ensure(program, CHAIN, rule);
      added.set(`${program} ${port}`, { program, rule });
      log.info({ port, address }, 'connections to this port are brought here by iptables');
    },
    async close() {
      for (const { program, rule } of added.values()) {
        await iptables(program, '-D', CHAIN, ...rule).catch((error: unknown) =>
          log.warn({ err: errorText(error) }, 'redirect not taken back'),
        );
      }
      added.clear();
    },
  };
}

export function redirectRule({ address, port }: KubeletEndpoint): readonly string[] {
  const target = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return ['-p', 'tcp', '-m', 'tcp', '--dport', String(port), '-j', 'DNAT', '--to-destination', target];
}

const runProgram: Run = (program, argv) =>
  new Promise((resolve) => {
    execFile(program, [...argv], { timeout: TIMEOUT_MS, maxBuffer: 65_536 }, (error, _stdout, stderr) => {
      if (error === null) resolve({ code: 0, complaint: '' });
      else
        resolve({
          code: typeof error.code === 'number' ? error.code : 1,
          complaint: stderr || error.message,
        });
    });
  });
