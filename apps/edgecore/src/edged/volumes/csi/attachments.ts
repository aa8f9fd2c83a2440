import type { VolumeAttachment } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { Events } from '../../events.ts';
import { volumeProblem } from '../problems.ts';
import { attachmentName, uniqueName } from './names.ts';
import type { CsiVolume } from './volume.ts';

export type AttachRequest = Pick<
  CsiVolume,
  'request' | 'specName' | 'driver' | 'handle' | 'unique' | 'driverObject'
>;

/** What the cluster's attach controller and this node tell each other (spec/edged.md §12.5). */
export interface Attachments {
  /**
   * What the controller says the driver needs to know, once the volume is attached to this node. Offline the stored
   * attachment counts. @throws EDGED_VOLUME while it is not attached
   */
  publishContext(volume: AttachRequest): Promise<Record<string, string>>;
  /** Volumes of this node that must not be detached, for the node's status; sorted. */
  inUse(): readonly string[];
  /** The cluster has been told of these. True when a pod waits for that. */
  reported(names: readonly string[]): boolean;
  /** Whether a pod waits for one of these. */
  awaited(names: readonly string[]): boolean;
  /** Found on the disk: an earlier run used it. */
  found(driver: string, handle: string): void;
  /** No pod uses it any more. */
  released(driver: string, handle: string): void;
}

export interface AttachmentsOptions {
  readonly nodeName: string;
  readonly meta: Pick<MetaClient, 'getObject' | 'getNode' | 'connected'>;
  readonly events: Pick<Events, 'pod'>;
  /** The set of volumes in use has changed. */
  readonly onChange: () => void;
}

export function createAttachments(options: AttachmentsOptions): Attachments {
  const { nodeName, meta, events, onChange } = options;
  const inUse = new Set<string>();
  let reported: ReadonlySet<string> = new Set();
  /** Who was told to wait, so that the end of it is told as well. */
  const waiting = new Set<string>();

  const change = (name: string, present: boolean): void => {
    if (inUse.has(name) === present) return;
    if (present) inUse.add(name);
    else inUse.delete(name);
    onChange();
  };

  const awaited = (names: readonly string[]): boolean =>
    names.some((name) => [...waiting].some((key) => key.endsWith(`\0${name}`)));

  const check = async ({
    request,
    driver,
    handle,
    unique,
  }: AttachRequest): Promise<Record<string, string>> => {
    const wait = (text: string, step: 'MountVolume.WaitForAttach' | 'AttachVolume.Attach', cause?: unknown) =>
      volumeProblem(request.volume.name, text, { step, cause });
    if (meta.connected && !reported.has(unique))
      throw wait(
        "Volume has not been added to the list of VolumesInUse in the node's volume status",
        'MountVolume.WaitForAttach',
      );
    const name = attachmentName(handle, driver, nodeName);
    const found = await meta.getObject('volumeattachment', undefined, name).catch((error: unknown) => {
      const text = `volume ${handle} has GET error for volume attachment ${name}: ${errorText(error)}`;
      throw wait(text, 'MountVolume.WaitForAttach', error);
    });
    const attachment = found as VolumeAttachment | undefined;
    if (attachment === undefined)
      throw wait(`volume ${handle} is not attached: no attachment ${name}`, 'MountVolume.WaitForAttach');
    if (attachment.metadata.deletionTimestamp !== undefined)
      throw wait('volume attachment is being deleted', 'MountVolume.WaitForAttach');
    const { attached, attachError, attachmentMetadata } = attachment.status ?? {};
    if (attached !== true) {
      if (attachError !== undefined) throw wait(attachError.message ?? 'failed', 'AttachVolume.Attach');
      const text = `volume ${handle} is not attached for volume attachment ${name}`;
      throw wait(text, 'MountVolume.WaitForAttach');
    }
    // A controller that is about to detach takes it off the node first.
    const node = meta.connected ? await meta.getNode(nodeName) : undefined;
    if (node !== undefined && !node.status?.volumesAttached?.some(({ name: one }) => one === unique))
      throw wait('Volume not attached according to node status', 'MountVolume.WaitForAttach');
    return { ...attachmentMetadata };
  };

  return {
    async publishContext(volume) {
      const { specName, driverObject, unique } = volume;
      const { pod } = volume.request;
      if (driverObject?.spec.attachRequired === false) {
        change(unique, false);
        return {};
      }
      change(unique, true);
      const key = `${pod.metadata.uid}\0${unique}`;
      try {
        const context = await check(volume);
        const message = `AttachVolume.Attach succeeded for volume "${specName}"`;
        if (waiting.delete(key)) events.pod(pod, 'Normal', 'SuccessfulAttachVolume', message);
        return context;
      } catch (error) {
        waiting.add(key);
        throw error;
      }
    },
    inUse: () => [...inUse].sort(),
    reported(names) {
      const news = names.filter((name) => !reported.has(name));
      reported = new Set(names);
      return awaited(news);
    },
    awaited,
    found: (driver, handle) => change(uniqueName(driver, handle), true),
    released(driver, handle) {
      const unique = uniqueName(driver, handle);
      change(unique, false);
      for (const key of waiting) if (key.endsWith(`\0${unique}`)) waiting.delete(key);
    },
  };
}
