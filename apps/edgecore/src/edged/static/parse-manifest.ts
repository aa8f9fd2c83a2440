import { fileURLToPath } from 'node:url';
import { parseJson } from '@kubeedge-ts/apis';
import { edgedErrors, errorText } from '@kubeedge-ts/errors';
import { runChild } from '../../run-child.ts';

/** The value a manifest holds, JSON or YAML. @throws KubeEdgeError EDGED_MANIFEST */
export type ParseManifest = (file: string, text: string, signal: AbortSignal) => Promise<unknown>;

const DEADLINE_MS = 30_000;
const MAX_OUTPUT = 33_554_432;

function defaultScript(): string {
  const name = import.meta.url.endsWith('.ts') ? './manifest-main.ts' : './edgecore-manifest.cjs';
  return fileURLToPath(new URL(name, import.meta.url));
}

export function createParseManifest(script = defaultScript()): ParseManifest {
  return async (file, text, signal) => {
    const failed = (problem: string) => edgedErrors.create('EDGED_MANIFEST', { file, problem });
    try {
      if (text.trimStart().startsWith('{')) return parseJson(text);
      const limits = { signal, deadlineMs: DEADLINE_MS, maxOutput: MAX_OUTPUT };
      return parseJson(await runChild(script, text, { ...limits, failed: (problem) => new Error(problem) }));
    } catch (error) {
      if (signal.aborted) throw error;
      throw failed(errorText(error));
    }
  };
}
