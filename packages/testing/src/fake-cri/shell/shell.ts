import { BUILTINS } from './commands.ts';
import { type Command, LITERAL_DOLLAR, parse, type Script } from './parse.ts';
import { Killed, NoSuchCommand, type ProcessIo } from './process.ts';

/** `TERM` → a script, or '' when the signal is ignored. */
export type Traps = Map<string, string>;

/** True when the fake can carry it out; other commands are images' own, of which it knows nothing. */
export function isKnown([name]: readonly string[]): boolean {
  return name !== undefined && commandOf(name) !== undefined;
}

/**
 * Runs a command to its end; its exit code.
 *
 * @throws NoSuchCommand when it is not one of the fake's
 */
export async function run(argv: readonly string[], io: ProcessIo, traps: Traps = new Map()): Promise<number> {
  const [name = '', ...args] = argv;
  const command = commandOf(name);
  if (command === undefined) throw new NoSuchCommand(name);
  try {
    if (command !== 'sh') return await (BUILTINS[command] as (typeof BUILTINS)[string])(args, io);
    // Without a script a shell reads its input, of which the fake makes nothing.
    if (args[0] !== '-c') return await io.wait(Number.POSITIVE_INFINITY).then(() => 0);
    return await execute(parse(args[1] ?? ''), io, traps);
  } catch (error) {
    if (error instanceof Killed) return error.exitCode;
    throw error;
  }
}

/** Runs a script within a process: `exit` throws `Killed`. */
export async function execute(script: Script, io: ProcessIo, traps: Traps): Promise<number> {
  let status = 0;
  for (const { when, run: step } of script) {
    if (when === (status === 0 ? 'failure' : 'success')) continue;
    if ('words' in step) status = await simple(step, io, traps);
    else {
      while ((await execute(step.condition, io, traps)) === 0) {
        status = await execute(step.body, io, traps);
        // Lets time pass, and a signal arrive, in a loop of nothing.
        await io.wait(0);
      }
    }
  }
  return status;
}

async function simple({ words, output }: Command, io: ProcessIo, traps: Traps): Promise<number> {
  const [name = '', ...args] = words.map((word) => expand(word, io.env));
  if (name === 'trap') {
    for (const signal of args.slice(1)) traps.set(signal.replace(/^SIG/, ''), args[0] ?? '');
    return 0;
  }
  const command = commandOf(name);
  if (command === undefined) {
    io.stderr(Buffer.from(`sh: ${name}: not found\n`));
    return 127;
  }
  const written: Buffer[] = [];
  const redirected: ProcessIo =
    output === undefined
      ? io
      : { ...io, stdout: output.to === 'stderr' ? io.stderr : (bytes) => written.push(bytes) };
  try {
    if (command !== 'sh') return await (BUILTINS[command] as (typeof BUILTINS)[string])(args, redirected);
    return await run([name, ...args], redirected);
  } catch (error) {
    if (error instanceof Killed) throw error;
    io.stderr(Buffer.from(`sh: ${(error as Error).message}\n`));
    return 1;
  } finally {
    if (output?.to === 'file') await io.files.write(output.path, Buffer.concat(written), output.append);
  }
}

function expand(word: string, env: Readonly<Record<string, string>>): string {
  return word
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced, plain) => env[(braced ?? plain) as string] ?? '')
    .replaceAll(LITERAL_DOLLAR, '$');
}

function commandOf(path: string): string | undefined {
  const name = /^(?:\/bin\/|\/usr\/bin\/)?([^/]+)$/.exec(path)?.[1];
  return name === 'sh' || (name !== undefined && Object.hasOwn(BUILTINS, name)) ? name : undefined;
}
