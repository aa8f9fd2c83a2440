import { parseArgs } from 'node:util';
import { type MapperDevice, mapperErrors, type Random } from '@kubeedge-ts/mapper-sdk';
import { createDht11 } from './dht11.ts';
import { createFan } from './fan.ts';

export const USAGE = `mapper-virtual: simulated devices for KubeEdge

  --broker URL      MQTT broker of the node (MAPPER_BROKER, tcp://127.0.0.1:1883)
  --node NAME       name of the edge node, when several share the broker (MAPPER_NODE)
  --devices LIST    device=kind, comma separated; kinds: dht11, fan
                    (MAPPER_DEVICES, dht11=dht11,virtual-fan=fan)
  --report-ms N     time between reports (MAPPER_REPORT_MS, 1000)
  --seed N          same seed, same measurements (MAPPER_SEED, random)
  --log-level L     debug, info, warn, error or silent (MAPPER_LOG_LEVEL, info)
  --username NAME   with the password in MAPPER_PASSWORD (MAPPER_USERNAME)
  --help
`;

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export interface VirtualOptions {
  readonly help: boolean;
  readonly broker: string;
  readonly node: string | undefined;
  /** Device name and kind. */
  readonly devices: readonly (readonly [name: string, kind: Kind])[];
  readonly reportMs: number;
  readonly seed: number | undefined;
  readonly logLevel: (typeof LEVELS)[number];
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type Kind = 'dht11' | 'fan';

/** Flags win over the environment. @throws KubeEdgeError MAPPER_OPTION_INVALID */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): VirtualOptions {
  const flags = parseFlags(args);
  const text = (flag: string, fallback?: string): string | undefined =>
    flags[flag] ?? env[`MAPPER_${flag.toUpperCase().replaceAll('-', '_')}`] ?? fallback;
  const number = (flag: string, fallback?: string): number | undefined => {
    const given = text(flag, fallback);
    if (given === undefined) return undefined;
    const value = Number(given);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw invalid(`--${flag}`, given, 'not a whole number');
  };
  const level = text('log-level', 'info');
  const logLevel = LEVELS.find((one) => one === level);
  if (logLevel === undefined) throw invalid('--log-level', level ?? '', `none of ${LEVELS.join(', ')}`);
  const reportMs = number('report-ms', '1000') ?? 1000;
  if (reportMs < 10) throw invalid('--report-ms', String(reportMs), 'less than 10');
  return {
    help: flags['help'] !== undefined,
    broker: text('broker', 'tcp://127.0.0.1:1883') as string,
    node: text('node'),
    devices: readDevices(text('devices', 'dht11=dht11,virtual-fan=fan') as string),
    reportMs,
    seed: number('seed'),
    logLevel,
    username: text('username'),
    password: env['MAPPER_PASSWORD'],
  };
}

function parseFlags(args: readonly string[]): Record<string, string | undefined> {
  const value = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        broker: value,
        node: value,
        devices: value,
        'report-ms': value,
        seed: value,
        'log-level': value,
        username: value,
        help: { type: 'boolean' },
      },
    });
    const { help, ...texts } = values;
    return { ...texts, ...(help ? { help: 'yes' } : {}) };
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw mapperErrors.create(
      'MAPPER_OPTION_INVALID',
      { option: 'command line', value: args.join(' '), problem },
      cause,
    );
  }
}

function readDevices(list: string): [string, Kind][] {
  return list.split(',').map((one) => {
    const [name = '', kind = ''] = one.split('=').map((part) => part.trim());
    if (name === '') throw invalid('--devices', one, 'no device name');
    if (kind !== 'dht11' && kind !== 'fan')
      throw invalid('--devices', one, 'the kind is neither dht11 nor fan');
    return [name, kind];
  });
}

function invalid(option: string, value: string, problem: string) {
  return mapperErrors.create('MAPPER_OPTION_INVALID', { option, value, problem });
}

/** The simulated devices. */
export function virtualDevices({ devices, reportMs }: VirtualOptions, random: Random): MapperDevice[] {
  return devices.map(([device, kind]) =>
    kind === 'dht11'
      ? {
          device,
          reportMs,
          driver: createDht11(random),
          properties: [{ name: 'temperature' }, { name: 'humidity' }],
        }
      : {
          device,
          reportMs,
          driver: createFan(),
          properties: [{ name: 'speed', type: 'int', writable: true }],
        },
  );
}
