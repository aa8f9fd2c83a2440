// Reads YAML on standard input and writes its one document as JSON: the YAML library stays out of the agent (docs/adr/032).
import { parse } from 'yaml';

const MAX_INPUT = 10_485_760;
/** Aliases that expand to more are an attack, not a pod. */
const MAX_ALIASES = 100;

async function answer(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_INPUT) throw new Error('the manifest is larger than 10 MiB');
  }
  return JSON.stringify(parse(text, { maxAliasCount: MAX_ALIASES }) ?? null);
}

answer().then(
  (json) => process.stdout.write(json),
  (error: unknown) => {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
