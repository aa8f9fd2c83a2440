import { isRecord, type Node, parseJson } from '@kubeedge-ts/apis';
import { behindPublished } from '../controllers/kubelet-endpoint.ts';
import { ownAnnotations, sortLabels } from './node-labels.ts';

const LIMITS = { maxLength: 4_194_304, maxDepth: 100 };

/**
 * What of a pod's patch is passed on: its status, and the UID as precondition. The rest of a pod is not the node's to
 * change, whatever the API server would let through on the status subresource. Undefined: not a patch.
 */
export function podStatusPatch(text: string): { uid: string | undefined; body: object } | undefined {
  const patch = parsePatch(text);
  if (patch === undefined) return undefined;
  const metadata = isRecord(patch['metadata']) ? patch['metadata'] : {};
  const uid = typeof metadata['uid'] === 'string' ? metadata['uid'] : undefined;
  return {
    uid,
    body: {
      ...(uid === undefined ? {} : { metadata: { uid } }),
      ...(isRecord(patch['status']) ? { status: patch['status'] } : {}),
    },
  };
}

/**
 * What of a node's patch is passed on: status, annotations, and the labels a node may set. `current`: the Node as it is now;
 * where its kubelet is reached through cloudcore, its status goes on saying so.
 */
export function nodeStatusPatch(
  text: string,
  current?: Node,
): { body: object; refused: readonly string[] } | undefined {
  const patch = parsePatch(text);
  if (patch === undefined) return undefined;
  const metadata = isRecord(patch['metadata']) ? patch['metadata'] : {};
  const labels = isRecord(metadata['labels']) ? metadata['labels'] : {};
  const { own, system, refused } = sortLabels(labels);
  const removed = Object.keys(labels).filter((key) => labels[key] === null);
  const gone = sortLabels(Object.fromEntries(removed.map((key) => [key, ''])));
  const allowedLabels = {
    ...own,
    ...system,
    ...Object.fromEntries(Object.keys({ ...gone.own, ...gone.system }).map((key) => [key, null])),
  };
  const kept = {
    ...(Object.keys(allowedLabels).length > 0 ? { labels: allowedLabels } : {}),
    ...(isRecord(metadata['annotations']) ? { annotations: ownAnnotations(metadata['annotations']) } : {}),
  };
  return {
    refused: [...refused, ...gone.refused],
    body: {
      ...(Object.keys(kept).length > 0 ? { metadata: kept } : {}),
      ...(isRecord(patch['status']) ? { status: behindPublished(patch['status'], current) } : {}),
    },
  };
}

function parsePatch(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseJson(text, LIMITS);
    return isRecord(value) ? value : undefined;
  } catch {
    // The caller answers with 400 and names the message; the text itself says no more.
    return undefined;
  }
}
