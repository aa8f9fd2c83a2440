import { fileURLToPath } from 'node:url';
import { edgecoreErrors, KubeEdgeError } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import { runChild } from '../run-child.ts';
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
    const output = await runChild(fileURLToPath(script), JSON.stringify(request), {
      signal,
      deadlineMs: DEADLINE_MS,
      maxOutput: MAX_OUTPUT,
      failed: (problem) => failed(`the enrolment process ${problem}`),
    });
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
