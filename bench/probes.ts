// CPU and memory of edged's probes alone: `--pods` (default 110) with an exec and an http probe each, against a runtime
// without containers in a process of its own. What a real runtime spends on an exec is not in it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cpuSeconds, memoryMb } from './lib/memory.ts';
import { report, round } from './lib/report.ts';

/** As scripts/launch.sh starts edgecore. */
const EDGECORE_FLAGS = ['--max-semi-space-size=1', '--optimize-for-size', '--no-opt', '--no-maglev'];
const SETTLE_MS = 15_000;

interface Containers {
  readonly endpoint: string;
  readonly port: number;
  readonly ids: readonly string[];
}

const numberOf = (flag: string, otherwise: number): number => {
  const at = process.argv.indexOf(flag);
  return at === -1 ? otherwise : Number(process.argv[at + 1]);
};
const pods = numberOf('--pods', 110);
const seconds = numberOf('--seconds', 60);

const start = (file: string, parameter: string, flags: readonly string[] = []) => {
  const script = new URL(`lib/${file}`, import.meta.url).pathname;
  const child = spawn(process.execPath, [...flags, script, parameter], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? -1,
    answer: async (): Promise<unknown> => JSON.parse(String((await lines.next()).value)),
    ask: () => void child.stdin.write('\n'),
    end: () => void child.kill(),
  };
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const runtime = start('probed-runtime.ts', String(pods));
const containers = (await runtime.answer()) as Containers;

const measure = async (ids: readonly string[], periodSeconds: number) => {
  const node = start(
    'probing-node.ts',
    JSON.stringify({ ...containers, ids, periodSeconds }),
    EDGECORE_FLAGS,
  );
  const tally = async () => {
    node.ask();
    return (await node.answer()) as { successful: number; failed: number };
  };
  await pause(SETTLE_MS);
  const [counted, used] = [await tally(), cpuSeconds(node.pid)];
  await pause(seconds * 1_000);
  const [{ successful, failed }, cpu, memory] = [
    await tally(),
    cpuSeconds(node.pid) - used,
    memoryMb(node.pid),
  ];
  node.end();
  const tries = successful + failed - counted.successful - counted.failed;
  return {
    probes: ids.length * 2,
    triesPerSecond: round(tries / seconds),
    failed,
    cpuPercent: round((cpu / seconds) * 100),
    ...(tries === 0 ? {} : { cpuMsPerTry: Math.round((cpu / tries) * 1e5) / 100 }),
    memoryMb: memory,
  };
};

const results = {
  without: await measure([], 10),
  everyTenSeconds: await measure(containers.ids, 10),
  everySecond: await measure(containers.ids, 1),
};
runtime.end();
report('probes', { pods, seconds, flags: EDGECORE_FLAGS }, results);
process.exit(0);
