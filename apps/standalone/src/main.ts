// standalone: the boot script.
import { createProgram, runUntilSignal } from '@kubeedge-ts/beehive';
import { createLogger, systemClock, systemRandom, VERSION } from '@kubeedge-ts/runtime';
import { CommanderError } from 'commander';
import { createApiModule } from './api-module.ts';
import { parseCommandLine } from './cli.ts';
import { createControlLoops } from './control-loops.ts';

async function main(argv: readonly string[]): Promise<number> {
  const options = parseCommandLine(argv, VERSION);
  const log = createLogger('standalone', options.logLevel);
  const ports = { clock: systemClock, random: systemRandom, log };

  const api = createApiModule(options, ports);
  const program = createProgram([api, ...createControlLoops(api, ports)], ports);
  return runUntilSignal(program, log);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    // commander has said what is wrong; a wrong command line ends with 2.
    process.exit(error.exitCode === 0 ? 0 : 2);
  },
);
