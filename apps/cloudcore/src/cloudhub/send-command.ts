import { type KubeObject, NO_NAMESPACE, type ObjectMeta } from '@kubeedge-ts/apis';
import type { DownstreamObject } from './downstream.ts';
import type { SendCommand } from './node-queue-types.ts';
import { type ObjectIdentity, ownerOf } from './object-kind.ts';
import type { Entry } from './queue-entry.ts';

/** The message that brings an object to the edge. */
export function putCommand(
  id: string,
  entry: Entry,
  wanted: DownstreamObject,
  content: KubeObject,
): SendCommand {
  return {
    type: 'send',
    id,
    operation: operationOf(entry, wanted, content),
    source: wanted.source,
    object: entry.object,
    content,
    resourceVersion: content.metadata.resourceVersion ?? wanted.resourceVersion,
    resent: false,
  };
}

/** The message that removes it there. */
export function deleteCommand(id: string, { object }: Entry): SendCommand {
  return {
    type: 'send',
    id,
    operation: 'delete',
    source: ownerOf(object.type) ?? 'edgecontroller',
    object,
    content: deleteStub(object),
    resourceVersion: '',
    resent: false,
  };
}

function operationOf(entry: Entry, wanted: DownstreamObject, content: KubeObject) {
  // A pod that is being deleted arrives as an update even when it is new: upstream edges stop pods on update.
  if (content.metadata.deletionTimestamp !== undefined) return 'update';
  return entry.delivered ? 'update' : wanted.firstOperation;
}

/** What a delete carries: name, namespace and uid (spec/message-protocol.md §7.4). */
function deleteStub(object: ObjectIdentity): KubeObject {
  const metadata: ObjectMeta = { name: object.name };
  if (object.namespace !== NO_NAMESPACE) metadata.namespace = object.namespace;
  metadata.uid = object.uid;
  return { metadata };
}
