import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';

/** The API server's version as the cloud told it last, kept for the starts at which the cloud is away. */
export interface ClusterVersion {
  readonly value: string | undefined;
  load(): Promise<void>;
  /** The cloud tells it; undefined: this cloud does not. */
  note(version: string | undefined): void;
}

export function createClusterVersion(store: Pick<Store, 'read' | 'write'>, log: Logger): ClusterVersion {
  let value: string | undefined;
  return {
    get value() {
      return value;
    },
    async load() {
      const [row] = await store.read({
        sql: "SELECT value FROM kubeedge_ts_identity WHERE key = 'cluster-version'",
      });
      value = row === undefined ? undefined : String(row['value']);
    },
    note(version) {
      if (version === undefined || version === value) return;
      value = version;
      store
        .write([
          {
            sql: "INSERT OR REPLACE INTO kubeedge_ts_identity (key, value) VALUES ('cluster-version', ?)",
            params: [version],
          },
        ])
        // It is told again at the next connection.
        .catch((error) => log.warn({ version, err: errorText(error) }, 'cluster version was not stored'));
    },
  };
}
