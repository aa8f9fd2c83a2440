import { Killed, type ProcessIo } from './process.ts';

type Builtin = (args: readonly string[], io: ProcessIo) => number | Promise<number>;

const say = (io: ProcessIo, text: string): void => io.stdout(Buffer.from(text));
const complain = (io: ProcessIo, text: string): number => {
  io.stderr(Buffer.from(`${text}\n`));
  return 1;
};

/** The commands of busybox that tests use, as far as they use them. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  true: () => 0,
  ':': () => 0,
  false: () => 1,
  exit: ([code = '0']) => {
    throw new Killed(Number(code));
  },
  echo: (args, io) => {
    const plain = args[0] === '-n';
    say(io, args.slice(plain ? 1 : 0).join(' ') + (plain ? '' : '\n'));
    return 0;
  },
  printf: ([format = '', ...args], io) => {
    let next = 0;
    const text = format
      .replaceAll('\\n', '\n')
      .replaceAll('\\t', '\t')
      .replace(/%[sd]/g, () => args[next++] ?? '');
    say(io, text);
    return 0;
  },
  async sleep([seconds = '0'], io) {
    await io.wait(seconds === 'infinity' ? Number.POSITIVE_INFINITY : Number.parseFloat(seconds) * 1000);
    return 0;
  },
  async cat(paths, io) {
    for (const path of paths) {
      const content = await io.files.read(path);
      if (content === undefined) return complain(io, `cat: can't open '${path}': No such file or directory`);
      io.stdout(content);
    }
    if (paths.length > 0) return 0;
    for (let bytes = await io.read(); bytes !== undefined; bytes = await io.read()) io.stdout(bytes);
    return 0;
  },
  async touch(paths, io) {
    for (const path of paths) await io.files.write(path, Buffer.alloc(0), true);
    return 0;
  },
  async rm(paths, io) {
    for (const path of paths) if (!path.startsWith('-')) await io.files.remove(path);
    return 0;
  },
  test: (args, io) => check(args, io),
  '[': (args, io) => check(args.at(-1) === ']' ? args.slice(0, -1) : args, io),
  env: (_, io) => {
    say(
      io,
      Object.entries(io.env).reduce((text, [name, value]) => `${text}${name}=${value}\n`, ''),
    );
    return 0;
  },
  hostname: (_, io) => {
    say(io, `${io.hostname}\n`);
    return 0;
  },
  id: (args, io) => {
    say(io, args[0] === '-u' ? `${io.uid}\n` : `uid=${io.uid} gid=0(root)\n`);
    return 0;
  },
};

async function check([operator, operand = '', ...more]: readonly string[], io: ProcessIo): Promise<number> {
  if (operator === '-f' || operator === '-d' || operator === '-e' || operator === '-s') {
    const kind = await io.files.kind(operand);
    if (operator === '-f') return kind === 'file' ? 0 : 1;
    if (operator === '-d') return kind === 'directory' ? 0 : 1;
    if (operator === '-s') return ((await io.files.read(operand))?.length ?? 0) > 0 ? 0 : 1;
    return kind === undefined ? 1 : 0;
  }
  if (operator === '-n' || operator === '-z') return (operand !== '') === (operator === '-n') ? 0 : 1;
  if (operand === '=' || operand === '!=') return (operator === more[0]) === (operand === '=') ? 0 : 1;
  return operator === undefined || operator === '' ? 1 : 0;
}
