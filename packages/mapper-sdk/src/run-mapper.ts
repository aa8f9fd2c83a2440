import { createMapper } from './mapper.ts';
import type { MapperOptions } from './types.ts';

/** Runs a mapper until SIGINT or SIGTERM; resolves when it has stopped. A second signal ends the process at once. */
export async function runMapper(options: MapperOptions): Promise<void> {
  const mapper = createMapper(options);
  const signalled = new Promise<void>((resolve) => {
    const onSignal = (): void => {
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
      resolve();
    };
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
  });
  mapper.start();
  await signalled;
  await mapper.stop();
}
