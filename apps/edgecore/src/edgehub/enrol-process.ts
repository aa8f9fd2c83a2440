import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { edgecoreErrors, KubeEdgeError } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import type { EnrolRequest, EnrolResult } from './enrol-protocol.ts';

/** Gets credentials from the cloud. @throws KubeEdgeError PKI_*, EDGE_ENROL_FAILED; the signal's reason */
export type Enrol = (request: EnrolRequest, signal: AbortSignal) => Promise<TlsMaterial>;

/** The HTTP calls have shorter deadlines of their own; this one is for a child that hangs. */
const DEADLINE_MS = 120_000;
const MAX_OUTPUT = 1_048_576;

function defaultScript(): URL {
  const name = import.meta.url.endsWith('.ts') ? './enrol-main.ts' : './edgecore-enrol.cjs';
  return new URL(name, import.meta.url);
}

/** Runs every request in a short-lived child process. */
export function createEnrolProcess(script: URL = defaultScript()): Enrol {
  return async (request, signal) => {
    const failed = (problem: string) =>
      edgecoreErrors.create('EDGE_ENROL_FAILED', { httpServer: request.httpServer, problem });
    const output = await run(script, JSON.stringify(request), signal, failed);
    let result: EnrolResult;
    try {
      result = JSON.parse(output) as EnrolResult;
    } catch {
      throw failed(`the enrolment process answered ${output.length} characters that are no JSON`);
    }
    if ('error' in result) {
      const { code, message, advice, details } = result.error;
      throw new KubeEdgeError(code, { message, advice }, details);
    }
    const { caPem, certPem, keyPem } = result.credentials;
    return { ca: caPem, cert: certPem, key: keyPem };
  };
}

function run(
  script: URL,
  input: string,
  signal: AbortSignal,
  failed: (problem: string) => KubeEdgeError,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(script)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
      killSignal: 'SIGKILL',
    });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-2_000);
    });
    child.stdin.on('error', () => {
      // The child ended without reading; its exit says why.
    });
    child.on('error', (error) => reject(signal.aborted ? signal.reason : failed(error.message)));
    child.on('close', (code) => {
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve(output);
      else reject(failed(`the enrolment process ended with ${code}: ${complaint.trim()}`));
    });
    child.stdin.end(input);
  });
}
