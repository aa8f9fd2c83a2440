import { isRecord, type Message, parseResource } from '@kubeedge-ts/apis';

/** The rows of an upstream edge's `meta` table: key → value, parsed. */
export interface MetaTable {
  readonly rows: ReadonlyMap<string, unknown>;
  /** The edge has sent this. */
  sent(message: Message): void;
  /** The edge has received this. */
  received(message: Message): void;
}

/** A model of what upstream's MetaManager and its client store (spec/metamanager-and-metaserver.md §2.2, §3). */
export function createMetaTable(): MetaTable {
  const rows = new Map<string, unknown>();
  const asked = new Map<string, Message>();

  const answered = ({ route, content }: Message, request: Message): void => {
    const { resource = '' } = route;
    const { type, namespace, name } = parseResource(resource);
    if (type === 'serviceaccounttoken') {
      if (isToken(content)) rows.set(tokenKey(namespace, name, request.content), content);
      return;
    }
    const wrapped = isRecord(content) && 'Object' in content && 'Err' in content;
    if (wrapped && content['Err'] !== null) return;
    const object = wrapped ? content['Object'] : content;
    if (type === 'podpatch') {
      rows.set(`${namespace}/pod/${name}`, { ...(object as object), apiVersion: 'v1', kind: 'Pod' });
    } else if (type === 'nodepatch') {
      rows.set(`null/node/${name}`, { ...(object as object), apiVersion: 'v1', kind: 'Node' });
    } else rows.set(resource, object);
  };

  return {
    rows,
    sent(message) {
      const { operation, resource = '', source } = message.route;
      if (source !== 'edged') return;
      asked.set(message.header.msg_id, message);
      if (operation === 'patch') rows.set(resource, JSON.parse(String(message.content)));
    },
    received(message) {
      const { operation, resource = '', group } = message.route;
      if (group !== 'resource') return;
      const request = asked.get(message.header.parent_msg_id ?? '');
      if (operation === 'response') {
        if (request !== undefined) answered(message, request);
      } else if (operation === 'insert' || operation === 'update') {
        rows.set(resource, message.content);
      } else if (operation === 'delete') {
        const { type, namespace, name } = parseResource(resource);
        if (type === 'pod') {
          // Only the pod that was meant: its successor may have the same name.
          if (uidOf(rows.get(resource)) !== uidOf(message.content)) return;
          rows.delete(`${namespace}/podpatch/${name}`);
        }
        rows.delete(resource);
      }
    },
  };
}

function uidOf(object: unknown): unknown {
  return isRecord(object) && isRecord(object['metadata']) ? object['metadata']['uid'] : undefined;
}

function isToken(content: unknown): boolean {
  return isRecord(content) && isRecord(content['status']) && content['status']['token'] !== '';
}

/** Key of a token bound to a pod, without audiences: as Go prints it. */
function tokenKey(namespace: string, account: string, request: unknown): string {
  const { spec } = request as {
    spec: { expirationSeconds: number; boundObjectRef: { name: string; uid: string } };
  };
  const { name, uid } = spec.boundObjectRef;
  const bound = `v1.BoundObjectReference{Kind:"Pod", APIVersion:"v1", Name:"${name}", UID:"${uid}"}`;
  return `"${account}"/"${namespace}"/[]string(nil)/${spec.expirationSeconds}/${bound}`;
}
