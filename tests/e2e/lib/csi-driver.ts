import { join } from 'node:path';
import { startFakeCsiDriver } from '@kubeedge-ts/testing/plugins';

/** A CSI driver with its registrar in this process. What it stages is memory, what it publishes is bound from there. */
export interface CsiDriver {
  /** `stage vol-1`, `publish vol-1` …, oldest first. */
  readonly calls: string[];
  /** What registration ended with. */
  readonly told: readonly { readonly pluginRegistered: boolean; readonly error: string }[];
  close(): Promise<void>;
}

export async function startCsiDriver(name: string, root: string, dir: string): Promise<CsiDriver> {
  const driver = await startFakeCsiDriver({
    name,
    registry: join(root, 'plugins_registry'),
    directory: join(dir, name),
    mounting: 'tmpfs',
  });
  return {
    get calls() {
      return driver.calls.flatMap(({ call, request }) => {
        const [, operation] = /^node(Stage|Unstage|Publish|Unpublish)Volume$/.exec(call) ?? [];
        if (operation === undefined) return [];
        return [`${operation.toLowerCase()} ${(request as { volumeId: string }).volumeId}`];
      });
    },
    told: driver.told,
    close: () => driver.stop(),
  };
}
