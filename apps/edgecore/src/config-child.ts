import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EdgeCoreConfig } from '@kubeedge-ts/apis/config';
import { configErrors } from '@kubeedge-ts/errors';
import type { LogLevel } from '@kubeedge-ts/runtime';

/** What the configuration child hands over when the program is to run. */
export interface StartOrder {
  readonly config: EdgeCoreConfig;
  readonly configFile: string;
  readonly logLevel: LogLevel;
}

/** The child writes the order here: standard output and error are the user's. */
export const ORDER_FD = 3;

const MAX_ORDER_BYTES = 16_777_216;
const DEADLINE_MS = 60_000;
const EXIT_FAILURE = 1;

function script(): string {
  const name = import.meta.url.endsWith('.ts') ? './config-main.ts' : './edgecore-config.cjs';
  return fileURLToPath(new URL(name, import.meta.url));
}

/**
 * Has a short-lived process read the command line and the configuration: YAML and schema libraries stay out of the
 * agent's memory (docs/adr/032). Resolves to an exit code when there is nothing to run: help, version or bad input.
 */
export function readStartOrder(argv: readonly string[]): StartOrder | number {
  const child = spawnSync(process.execPath, [script(), ...argv], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    maxBuffer: MAX_ORDER_BYTES,
  });
  if (child.error !== undefined) throw child.error;
  const order = child.output[ORDER_FD]?.toString() ?? '';
  if (child.status !== 0 || order === '') return child.status ?? EXIT_FAILURE;
  return JSON.parse(order) as StartOrder;
}

/** The configuration as it is now. @throws KubeEdgeError CONFIG_UNREADABLE, with what the child complained about */
export function rereadConfig(configFile: string): Promise<EdgeCoreConfig> {
  return new Promise((resolve, reject) => {
    const failed = (problem: string) =>
      reject(configErrors.create('CONFIG_UNREADABLE', { file: configFile, problem }));
    const child = spawn(process.execPath, [script(), '--config', configFile], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      signal: AbortSignal.timeout(DEADLINE_MS),
      killSignal: 'SIGKILL',
    });
    let order = '';
    let complaint = '';
    child.stdio[ORDER_FD]?.on('data', (chunk: Buffer) => {
      order += chunk.toString('latin1');
      if (order.length > MAX_ORDER_BYTES) child.kill('SIGKILL');
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-2_000);
    });
    child.on('error', (error) => failed(error.message));
    child.on('close', (code) => {
      if (code !== 0 || order === '') failed(`exit ${code}: ${complaint.trim()}`);
      else resolve((JSON.parse(Buffer.from(order, 'latin1').toString('utf8')) as StartOrder).config);
    });
  });
}
