import { Command, InvalidArgumentError, type OutputConfiguration } from 'commander';

/** What the command line asks for. */
export interface StandaloneOptions {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly advertiseAddress?: string;
  readonly tlsSans: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return port;
}

function parseLevel(text: string): string {
  if (['debug', 'info', 'warn', 'error'].includes(text)) return text;
  throw new InvalidArgumentError('one of debug, info, warn, error.');
}

/**
 * Reads the command line; `--help`, `--version` and mistakes are answered by commander, which then throws a
 * CommanderError with the exit code.
 */
export function parseCommandLine(
  argv: readonly string[],
  version: string,
  output: OutputConfiguration = {},
): StandaloneOptions {
  const command = new Command('standalone')
    .description('An embedded Kubernetes control plane for one machine.')
    .version(version)
    .requiredOption('--data-dir <dir>', 'directory of the store and the keys; created with mode 0700')
    .option('--bind-address <address>', 'address to listen on', '127.0.0.1')
    .option('--secure-port <port>', 'HTTPS port; 0 takes a free one', parsePort, 6443)
    .option('--advertise-address <address>', 'address that clients and pods are told')
    .option('--write-kubeconfig <file>', 'write the kubeconfig of the administrator there (mode 0600)')
    .option(
      '--tls-san <name>',
      'additional name or address for the serving certificate; repeatable',
      (name: string, names: string[]) => [...names, name],
      [] as string[],
    )
    .option('--log-level <level>', 'debug, info, warn or error', parseLevel, 'info')
    .allowExcessArguments(false)
    .configureOutput(output)
    .exitOverride();
  command.parse([...argv], { from: 'user' });
  const options = command.opts<Record<string, never>>() as Record<string, unknown>;
  return {
    dataDir: String(options['dataDir']),
    bindAddress: String(options['bindAddress']),
    port: Number(options['securePort']),
    ...(typeof options['writeKubeconfig'] === 'string' && { kubeconfig: options['writeKubeconfig'] }),
    ...(typeof options['advertiseAddress'] === 'string' && {
      advertiseAddress: options['advertiseAddress'],
    }),
    tlsSans: options['tlsSan'] as string[],
    logLevel: options['logLevel'] as StandaloneOptions['logLevel'],
  };
}
