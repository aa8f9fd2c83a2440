import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Module } from '@kubeedge-ts/beehive';
import { errorText, standaloneErrors } from '@kubeedge-ts/errors';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { StandaloneOptions } from './cli.ts';
import { type ApiServer, createApiServer } from './server/index.ts';

export interface ApiModule extends Module {
  /** The running server; only between start and stop. */
  server(): ApiServer;
}

/** The API server as a module: ready when it serves and its kubeconfig is written. */
export function createApiModule(
  options: StandaloneOptions,
  ports: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): ApiModule {
  let running: ApiServer | undefined;
  return {
    name: 'apiserver',
    async start() {
      running = await createApiServer({
        dataDir: options.dataDir,
        bindAddress: options.bindAddress,
        port: options.port,
        tlsSans: options.tlsSans,
        ...(options.advertiseAddress && { advertiseAddress: options.advertiseAddress }),
        ...ports,
      });
      if (options.kubeconfig !== undefined) writeKubeconfig(options.kubeconfig, running.adminKubeconfig);
      ports.log.info({ url: running.url, dataDir: options.dataDir }, 'API server is ready');
    },
    async stop() {
      await running?.close();
      running = undefined;
    },
    server() {
      if (running === undefined) throw new TypeError('the API server is not running');
      return running;
    },
  };
}

function writeKubeconfig(path: string, content: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  } catch (cause) {
    throw standaloneErrors.create(
      'STANDALONE_KUBECONFIG_UNWRITABLE',
      { path, problem: errorText(cause) },
      cause,
    );
  }
}
