import { readFile } from 'node:fs/promises';
import { configErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { Command, CommanderError } from 'commander';
import { createLogger, type Logger, type LogLevel } from './logger.ts';
import { KUBEEDGE_VERSION, KUBERNETES_VERSION, VERSION } from './version.ts';

/** A program that is driven by one configuration file, as upstream's daemons are (spec/keadm-and-config.md §1). */
export interface ConfigProgram<Config> {
  readonly name: string;
  readonly description: string;
  readonly defaultConfigFile: string;
  readonly parse: (text: string, file: string) => Promise<{ config: Config; warnings: readonly string[] }>;
  readonly defaultConfig: () => Promise<string>;
  readonly minConfig: () => string;
  /** Runs until it is stopped; resolves with the exit code. */
  readonly run: (config: Config, log: Logger, configFile: string, logLevel: LogLevel) => Promise<number>;
}

/** klog's flags: accepted because unit files carry them, without effect. */
const KLOG_FLAGS = [
  '--vmodule <pattern>',
  '--log-flush-frequency <duration>',
  '--logtostderr [bool]',
  '--alsologtostderr [bool]',
  '--stderrthreshold <severity>',
  '--log_dir <dir>',
  '--log-dir <dir>',
  '--log_file <file>',
  '--log-file <file>',
  '--log_file_max_size <mb>',
  '--log-file-max-size <mb>',
  '--log_backtrace_at <place>',
  '--log-backtrace-at <place>',
  '--skip_headers [bool]',
  '--skip-headers [bool]',
  '--skip_log_headers [bool]',
  '--skip-log-headers [bool]',
  '--add_dir_header [bool]',
  '--add-dir-header [bool]',
  '--one_output [bool]',
  '--one-output [bool]',
];

/** klog's verbosity from which on everything is logged. */
const DEBUG_VERBOSITY = 4;
const EXIT_BAD_INPUT = 2;

/** Parses the command line and runs the program. Resolves with the exit code: 2 for bad input. */
export async function runConfigProgram<Config>(
  program: ConfigProgram<Config>,
  argv: readonly string[],
): Promise<number> {
  const command = new Command(program.name)
    .description(program.description)
    .option('--config <file>', 'configuration file', program.defaultConfigFile)
    .option('--defaultconfig', 'print the full default configuration and exit')
    .option('--minconfig', 'print a minimal configuration and exit')
    .option('-v, --v <level>', 'log verbosity; 4 and more logs everything', '0')
    .option('--version [form]', 'print the version and exit; `raw` prints it in full')
    .allowExcessArguments(false)
    .exitOverride();
  for (const flag of KLOG_FLAGS) command.addOption(command.createOption(flag).hideHelp());
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_BAD_INPUT;
    throw error;
  }
  const flags = command.opts<{
    config: string;
    defaultconfig?: true;
    minconfig?: true;
    v: string;
    version?: string | true;
  }>();
  if (flags.version !== undefined && flags.version !== 'false') {
    console.log(flags.version === 'raw' ? rawVersion() : `kubeedge-ts v${VERSION}`);
    return 0;
  }
  if (flags.defaultconfig) {
    console.log((await program.defaultConfig()).trimEnd());
    return 0;
  }
  if (flags.minconfig) {
    console.log(program.minConfig().trimEnd());
    return 0;
  }
  const logLevel = Number(flags.v) >= DEBUG_VERBOSITY ? 'debug' : 'info';
  const log = createLogger(program.name, logLevel);
  try {
    const { config, warnings } = await program.parse(await readConfig(flags.config), flags.config);
    for (const warning of warnings) log.warn({ warning }, 'configuration');
    return await program.run(config, log, flags.config, logLevel);
  } catch (error) {
    if (isKubeEdgeError(error) && error.code.startsWith('CONFIG_')) {
      console.error(`${program.name}: ${errorText(error)}\n${error.advice}`);
      return EXIT_BAD_INPUT;
    }
    throw error;
  }
}

async function readConfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw configErrors.create('CONFIG_UNREADABLE', { file, problem: (cause as Error).message }, cause);
  }
}

function rawVersion(): string {
  return JSON.stringify({
    gitVersion: `v${VERSION}`,
    kubeEdge: KUBEEDGE_VERSION,
    kubernetes: KUBERNETES_VERSION,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  });
}
