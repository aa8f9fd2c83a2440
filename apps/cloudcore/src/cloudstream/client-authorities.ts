import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ConfigMap, configMaps } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createInformer, type KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';

/** Whose client certificates name users of the cluster: what its API server believes, it says in a ConfigMap. */
export interface ClientAuthorities {
  start(signal: AbortSignal): void;
  /** PEM, one certificate each. */
  readonly certificates: readonly string[];
  /** Reads the file again. */
  reload(): Promise<void>;
}

export interface ClientAuthoritiesOptions {
  readonly kube: Pick<KubeClient, 'list' | 'watch'>;
  /** `tlsStreamCAFile`: upstream's copy of the cluster's CA; absent is fine. */
  readonly file: string;
  readonly changed: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const CONFIG_MAP = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
const KEY = 'client-ca-file';
const MAX_CERTIFICATES = 64;

export function createClientAuthorities(options: ClientAuthoritiesOptions): ClientAuthorities {
  const { kube, file, changed, clock, random } = options;
  const log = options.log.child({ part: 'client-authorities' });
  let ofCluster: readonly string[] = [];
  let ofFile: readonly string[] = [];

  const informer = createInformer<ConfigMap>(
    kube,
    configMaps,
    { namespace: CONFIG_MAP.namespace, fieldSelector: `metadata.name=${CONFIG_MAP.name}` },
    { clock, random, log },
  );
  const learn = (config: ConfigMap | undefined): void => {
    if (config !== undefined && config.metadata.name !== CONFIG_MAP.name) return;
    const next = certificatesIn(config?.data?.[KEY] ?? '', log);
    if (next.join() === ofCluster.join()) return;
    ofCluster = next;
    log.info({ certificates: next.length }, "the cluster's client CA is known");
    changed();
  };
  informer.subscribe({ added: learn, updated: learn, deleted: () => learn(undefined) });

  return {
    start: (signal) => informer.start(signal),
    get certificates() {
      return [...new Set([...ofCluster, ...ofFile])];
    },
    async reload() {
      const next = certificatesIn(await readIfPresent(file, log), log);
      if (next.join() === ofFile.join()) return;
      ofFile = next;
      changed();
    },
  };
}

/** Those of a bundle that can be read. */
export function certificatesIn(bundle: string, log: Logger): readonly string[] {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, MAX_CERTIFICATES).flatMap((block) => {
    try {
      return [new X509Certificate(block).toString()];
    } catch (error) {
      log.warn({ err: errorText(error) }, 'a client CA cannot be read and is left out');
      return [];
    }
  });
}

async function readIfPresent(file: string, log: Logger): Promise<string> {
  if (file === '') return '';
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ file, err: errorText(error) }, 'file not read');
    return '';
  }
}
