import { isRecord } from '../../json.ts';
import type { KubeObject } from '../../kubernetes/meta.ts';
import { DEVICES_GROUP } from '../v1beta1.ts';
import { type Body, compact, recordOr } from './json.ts';
import { applyResidue, parseResidue, type Residue, residueOf } from './residue.ts';
import { deviceFromV1alpha1, deviceToV1alpha1 } from './v1alpha1-device.ts';
import { modelFromV1alpha1, modelToV1alpha1 } from './v1alpha1-model.ts';
import { deviceFromV1alpha2, deviceToV1alpha2 } from './v1alpha2-device.ts';
import { modelFromV1alpha2, modelToV1alpha2 } from './v1alpha2-model.ts';

/** The stored version; the others are converted to and from it. */
const HUB = 'v1beta1';
export const DEVICE_VERSIONS = ['v1alpha1', 'v1alpha2', 'v1beta1'] as const;
export type DeviceVersion = (typeof DEVICE_VERSIONS)[number];
type Spoke = Exclude<DeviceVersion, typeof HUB>;

/** The version an object was created in; absent: v1beta1. */
export const CREATED_AS_ANNOTATION = `${DEVICES_GROUP}/created-as`;
/** Holds, in another version's form, what only that version can express. */
export const versionAnnotation = (version: DeviceVersion): string => `${DEVICES_GROUP}/${version}`;

interface Mapping {
  toHub(body: Body): Body;
  fromHub(body: Body): Body;
}

const MAPPINGS: Readonly<Record<string, Readonly<Record<Spoke, Mapping>>>> = {
  Device: {
    v1alpha1: { toHub: deviceFromV1alpha1, fromHub: deviceToV1alpha1 },
    v1alpha2: { toHub: deviceFromV1alpha2, fromHub: deviceToV1alpha2 },
  },
  DeviceModel: {
    v1alpha1: { toHub: modelFromV1alpha1, fromHub: modelToV1alpha1 },
    v1alpha2: { toHub: modelFromV1alpha2, fromHub: modelToV1alpha2 },
  },
};

export type Conversion<T> = { readonly object: T } | { readonly problem: string };

/**
 * Converts a Device or DeviceModel into `version`. Nothing is lost on the way there and back: each side carries, in
 * an annotation, the edits that make of the mapped form what the other side really held; an edit whose place was
 * changed meanwhile yields to the change. Only spec, status and annotations are touched.
 */
export function convertDeviceObject(value: unknown, version: string): Conversion<KubeObject> {
  if (!isRecord(value) || !isRecord(value['metadata'])) return { problem: 'not a Kubernetes object' };
  const kind = String(value['kind']);
  const mappings = Object.hasOwn(MAPPINGS, kind) ? MAPPINGS[kind] : undefined;
  if (mappings === undefined) return { problem: `kind ${kind} cannot be converted` };
  const [from, to] = [versionOf(value['apiVersion']), versionOf(`${DEVICES_GROUP}/${version}`)];
  if (from === undefined) return { problem: `${kind} of version ${String(value['apiVersion'])} is unknown` };
  if (to === undefined) return { problem: `${kind} has no version ${version}` };
  const object = value as unknown as KubeObject;
  if (from === to) return { object };
  const hub = from === HUB ? object : toHub(object, from, mappings[from]);
  return { object: to === HUB ? hub : fromHub(hub, to, mappings[to]) };
}

function versionOf(apiVersion: unknown): DeviceVersion | undefined {
  return DEVICE_VERSIONS.find((version) => apiVersion === `${DEVICES_GROUP}/${version}`);
}

function toHub(object: KubeObject, spoke: Spoke, mapping: Mapping): KubeObject {
  const annotations = { ...recordOr(object.metadata.annotations) } as Record<string, string>;
  const body = bodyOf(object);
  const hub = applyResidue(mapping.toHub(body), parseResidue(annotations[versionAnnotation(HUB)]));
  delete annotations[versionAnnotation(HUB)];
  setResidue(annotations, spoke, residueOf(mapping.fromHub(hub), body));
  const createdAs = annotations[CREATED_AS_ANNOTATION] ?? spoke;
  if (createdAs === HUB) delete annotations[CREATED_AS_ANNOTATION];
  else annotations[CREATED_AS_ANNOTATION] = createdAs;
  return assemble(object, HUB, hub, annotations);
}

function fromHub(object: KubeObject, spoke: Spoke, mapping: Mapping): KubeObject {
  const annotations = { ...recordOr(object.metadata.annotations) } as Record<string, string>;
  const body = bodyOf(object);
  const view = applyResidue(mapping.fromHub(body), parseResidue(annotations[versionAnnotation(spoke)]));
  delete annotations[versionAnnotation(spoke)];
  setResidue(annotations, HUB, residueOf(mapping.toHub(view), body));
  annotations[CREATED_AS_ANNOTATION] ??= HUB;
  return assemble(object, spoke, view, annotations);
}

function setResidue(annotations: Record<string, string>, version: DeviceVersion, residue: Residue): void {
  if (residue.length > 0) annotations[versionAnnotation(version)] = JSON.stringify(residue);
  else delete annotations[versionAnnotation(version)];
}

/** Everything but type and metadata; fields no schema knows are carried along as they are. */
function bodyOf(object: KubeObject): Body {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...body } = object;
  return body;
}

function assemble(
  object: KubeObject,
  version: DeviceVersion,
  body: Body,
  annotations: Record<string, string>,
): KubeObject {
  const { annotations: _old, ...metadata } = object.metadata;
  return {
    apiVersion: `${DEVICES_GROUP}/${version}`,
    kind: object.kind,
    metadata: {
      ...metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    ...compact({ ...body }),
  } as KubeObject;
}
