import { errorText } from '@kubeedge-ts/errors';
import type { PluginRegistrationClient } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { type Backoff, type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';
import { createSocketWatch, type SocketWatch } from './sockets.ts';

export interface RegisteringPlugin {
  readonly name: string;
  /** Where the plugin itself listens. */
  readonly endpoint: string;
  readonly versions: readonly string[];
  /** Where it has registered. */
  readonly socket: string;
}

/** Takes plugins of one type. */
export interface PluginHandler {
  /** Rejects with why the plugin is not taken; the plugin is told so and asked again later. */
  register(plugin: RegisteringPlugin, signal: AbortSignal): Promise<void>;
  unregister(name: string, socket: string): void;
}

export interface PluginRegistryOptions {
  /** `<root>/plugins_registry`: every socket below it is a plugin. */
  readonly dir: string;
  /** By `PluginInfo.type`. */
  readonly handlers: Readonly<Record<string, PluginHandler>>;
  readonly connect: (socket: string) => PluginRegistrationClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Finds the plugins of this node and introduces them to their handlers (spec/edged.md §12.5). */
export interface PluginRegistry {
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** One socket; a new file at the same path is another plugin. */
interface Seen {
  readonly identity: string;
  readonly backoff: Backoff;
  state: 'new' | 'underway' | 'registered' | 'refused';
  retryAt: number;
  /** As it has introduced itself. */
  plugin?: { readonly type: string; readonly name: string };
}

export function createPluginRegistry(options: PluginRegistryOptions): PluginRegistry {
  const { handlers, connect, clock, random, log } = options;
  const seen = new Map<string, Seen>();
  const underway = new Set<Promise<void>>();
  const watch: SocketWatch = createSocketWatch(options);

  const introduce = async (socket: string, own: Seen, signal: AbortSignal): Promise<void> => {
    const client = connect(socket);
    const tell = (pluginRegistered: boolean, error = '') =>
      client.notifyRegistrationStatus({ pluginRegistered, error }, { signal });
    try {
      const info = await client.getInfo({}, { signal });
      const { type, name, supportedVersions: versions } = info;
      const endpoint = info.endpoint === '' ? socket : info.endpoint;
      own.plugin = { type, name };
      try {
        const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined;
        if (handler === undefined)
          throw new Error(`no handler registered for plugin type: ${type} at socket ${socket}`);
        await handler.register({ name, endpoint, versions, socket }, signal);
      } catch (error) {
        await tell(false, `RegisterPlugin error -- ${errorText(error)}`).catch(() => undefined);
        throw error;
      }
      own.state = 'registered';
      own.backoff.reset();
      await tell(true);
    } catch (error) {
      if (signal.aborted) return;
      if (own.state !== 'registered') own.state = 'refused';
      const waitMs = own.backoff.next();
      own.retryAt = clock.now() + waitMs;
      log.warn(
        { socket, err: errorText(error), waitMs: Math.round(waitMs) },
        'plugin could not be registered',
      );
    } finally {
      client.close();
    }
  };

  const forget = (socket: string, own: Seen): void => {
    seen.delete(socket);
    if (own.plugin !== undefined && Object.hasOwn(handlers, own.plugin.type)) {
      handlers[own.plugin.type]?.unregister(own.plugin.name, socket);
    }
  };

  /** Resolves with when to look again though nothing happens, ms since the epoch. */
  const look = async (signal: AbortSignal): Promise<number> => {
    const present = await watch.list();
    for (const [socket, own] of seen) {
      if (present.get(socket) !== own.identity && own.state !== 'underway') forget(socket, own);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const [socket, identity] of present) {
      const own = seen.get(socket) ?? {
        identity,
        backoff: createBackoff({ initialMs: 500, maxMs: 120_000 }, random),
        state: 'new',
        retryAt: 0,
      };
      seen.set(socket, own);
      const due = own.state === 'new' || (own.state === 'refused' && own.retryAt <= clock.now());
      if (own.state === 'refused' && !due) next = Math.min(next, own.retryAt);
      if (!due) continue;
      own.state = 'underway';
      const task = introduce(socket, own, signal).finally(() => {
        underway.delete(task);
        watch.wake();
      });
      underway.add(task);
    }
    return next;
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        let next = Number.POSITIVE_INFINITY;
        try {
          next = await look(signal);
        } catch (error) {
          log.warn({ dir: options.dir, err: errorText(error) }, 'plugins could not be looked for');
        }
        await watch.changed(next, signal);
      }
      watch.close();
      await Promise.all(underway);
    },
  };
}
