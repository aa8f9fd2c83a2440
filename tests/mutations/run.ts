// Applies each mutation to a copy of the sources and demands that its tests notice: `node tests/mutations/run.ts [filter …]`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTATIONS } from './index.ts';
import { type Mutation, mutate } from './mutation.ts';
import { makeWorkingCopy, replaceText } from './working-copy.ts';

const COPIES = 2;
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT = 100_000;

const root = new URL('../..', import.meta.url).pathname;
const filters = process.argv.slice(2);
const chosen = MUTATIONS.filter(
  ({ breaks, file }) => filters.length === 0 || filters.some((part) => `${file} ${breaks}`.includes(part)),
);
if (chosen.length === 0) {
  console.error(`no mutation matches ${filters.join(' ')}`);
  process.exit(1);
}

/** Runs test files in a copy until the first of them fails; undefined: none did. */
function firstFailure(copy: string, files: readonly string[]): Promise<string | undefined> {
  const argv = ['--test', '--test-reporter=tap', `--test-timeout=${TIMEOUT_MS}`, ...files];
  // a group of its own: every file is a process below it
  const child = spawn(process.execPath, argv, {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  let failed = false;
  const read = (text: string): void => {
    output = (output + text).slice(-MAX_OUTPUT);
    if (failed || !/^ *not ok /m.test(output)) return;
    failed = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(failed || code !== 0 ? output : undefined));
  });
}

/** What is wrong with a mutation; undefined: its tests noticed it. */
async function problemOf(copy: string, mutation: Mutation): Promise<string | undefined> {
  const restore = replaceText(copy, mutation.file, (text) => mutate(text, mutation));
  try {
    const noticed = (await firstFailure(copy, mutation.tests)) !== undefined;
    return noticed ? undefined : `not noticed by ${mutation.tests.join(', ')}`;
  } finally {
    restore();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'mutations-'));
const problems: string[] = [];
const remaining = [...chosen];
const work = async (copy: string): Promise<void> => {
  for (let mutation = remaining.shift(); mutation !== undefined; mutation = remaining.shift()) {
    const startedAt = performance.now();
    const problem = await problemOf(copy, mutation);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${problem === undefined ? '✔' : '✖'} ${mutation.breaks} (${seconds} s)`);
    if (problem !== undefined) problems.push(`${mutation.breaks} (${mutation.file}): ${problem}`);
  }
};
try {
  const copies = Array.from({ length: COPIES }, (_, index) => join(folder, String(index)));
  for (const copy of copies) makeWorkingCopy(root, copy);
  const [first = ''] = copies;
  // Tests that fail anyway prove nothing.
  const failure = await firstFailure(first, [...new Set(chosen.flatMap(({ tests }) => tests))]);
  if (failure !== undefined) problems.push(`tests fail without any mutation:\n${failure.slice(-4_000)}`);
  else await Promise.all(copies.map(work));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(`\n${problem}`);
console.log(`\n${chosen.length} mutations, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
