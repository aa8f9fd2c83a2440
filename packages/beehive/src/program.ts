import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';

/** A part of a program with a life: created by a factory that takes what it needs, started, stopped. */
export interface Module {
  readonly name: string;
  /**
   * Starts work and resolves when the module is ready to serve the modules after it. A module that waits for an
   * outside party (cloud, broker, runtime) is ready at once and keeps trying by itself.
   * A rejection ends the program. The signal aborts when the program stops before the module is ready.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Ends all work the module began and resolves when nothing of it runs any more. Called once, also after a failed start. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** How long one module may take to stop; default 10 s. After it the next one is stopped all the same. */
  readonly stopDeadlineMs?: number;
}

export interface Program {
  /** Starts the modules in order, each when the one before it is ready. */
  start(): Promise<void>;
  /** Stops them in reverse order. Safe to call at any time and more than once. */
  stop(): Promise<void>;
}

export function createProgram(modules: readonly Module[], options: ProgramOptions): Program {
  const { log, clock, stopDeadlineMs = 10_000 } = options;
  const begun: Module[] = [];
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;

  const stopOne = async (module: Module): Promise<void> => {
    const late = Promise.withResolvers<'late'>();
    const cancel = clock.after(stopDeadlineMs, () => late.resolve('late'));
    try {
      const outcome = await Promise.race([module.stop(), late.promise]);
      if (outcome === 'late')
        log.error({ module: module.name, stopDeadlineMs }, 'module did not stop in time');
    } catch (error) {
      log.error({ module: module.name, err: errorText(error) }, 'module failed to stop');
    } finally {
      cancel();
    }
  };

  return {
    async start() {
      for (const module of modules) {
        if (stopping.signal.aborted) return;
        begun.push(module);
        await module.start(stopping.signal);
        log.debug({ module: module.name }, 'module ready');
      }
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort(new Error('program is stopping'));
        for (const module of begun.reverse()) await stopOne(module);
      })();
      return stopped;
    },
  };
}

/**
 * Runs a program until SIGINT or SIGTERM, then stops it; a second signal ends the process at once.
 * Resolves with the exit code.
 */
export async function runUntilSignal(program: Program, log: Logger): Promise<number> {
  const signalled = Promise.withResolvers<NodeJS.Signals>();
  const onSignal = (signal: NodeJS.Signals): void => {
    process.once('SIGINT', () => process.exit(130));
    process.once('SIGTERM', () => process.exit(143));
    signalled.resolve(signal);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await Promise.race([program.start(), signalled.promise]);
    const signal = await signalled.promise;
    log.info({ signal }, 'stopping');
    await program.stop();
    return 0;
  } catch (error) {
    log.error({ err: errorText(error), code: (error as { code?: string }).code }, 'start failed');
    await program.stop();
    return 1;
  }
}
