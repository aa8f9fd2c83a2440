// mapper-virtual: the boot script.
import { createLogger, errorText, runMapper, seededRandom, systemRandom } from '@kubeedge-ts/mapper-sdk';
import { readOptions, USAGE, virtualDevices } from './options.ts';

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const random = options.seed === undefined ? systemRandom : seededRandom(options.seed);
  await runMapper({
    broker: options.broker,
    ...(options.node === undefined ? {} : { nodeName: options.node }),
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    log: createLogger('mapper-virtual', options.logLevel),
    devices: virtualDevices(options, random),
  });
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`mapper-virtual: ${errorText(error)}\n${error.advice ?? ''}\n`);
    process.exit(2);
  },
);
