import { isDeepStrictEqual } from 'node:util';
import { CREATED_AS_ANNOTATION, type Device, type DeviceStatus, isRecord } from '@kubeedge-ts/apis';

type MirroredTwin = Record<string, unknown> & { propertyName: string };

/**
 * `status.twins` a Device created in an older version should have, so that its reported values show in that version
 * as they did with 1.9; undefined when it has them, or was created as v1beta1. Entries keep what else they hold.
 */
export function mirroredTwins(device: Device, status: DeviceStatus | undefined): MirroredTwin[] | undefined {
  if (device.metadata.annotations?.[CREATED_AS_ANNOTATION] === undefined) return undefined;
  const now = twinsOf(device);
  const reported = new Map(
    (status?.status?.twins ?? []).flatMap((twin) =>
      twin.propertyName !== undefined && twin.reported ? [[twin.propertyName, twin.reported] as const] : [],
    ),
  );
  const wanted: MirroredTwin[] = now.map((twin) => {
    const value = reported.get(twin.propertyName);
    return value === undefined ? twin : { ...twin, reported: value };
  });
  const listed = new Set(now.map(({ propertyName }) => propertyName));
  for (const [propertyName, value] of reported) {
    if (!listed.has(propertyName)) wanted.push({ propertyName, reported: value });
  }
  return isDeepStrictEqual(wanted, now) ? undefined : wanted;
}

function twinsOf({ status }: Device): MirroredTwin[] {
  const twins = status?.['twins'];
  return (Array.isArray(twins) ? twins : []).filter(
    (twin): twin is MirroredTwin => isRecord(twin) && typeof twin['propertyName'] === 'string',
  );
}
