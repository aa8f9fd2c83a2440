import { pods, type Status, type UnknownObject } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { conflict } from './fake-objects.ts';

/** What a POST to a subresource needs of the fake. */
export interface SubresourcePorts {
  readonly nowMs: () => number;
  readonly uuid: () => string;
  readonly write: (object: UnknownObject) => void;
  readonly erase: () => void;
  readonly refuse: (status: Status) => never;
}

type Handler = (object: UnknownObject, body: unknown, ports: SubresourcePorts) => unknown;

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** By name of the subresource; each returns the answer. */
export const SUBRESOURCES: Readonly<Record<string, Handler>> = {
  binding(pod, body, { nowMs, write, refuse }) {
    const { name } = pod.metadata;
    const spec = (pod['spec'] ?? {}) as { nodeName?: string };
    const target = (body as { target: { name: string } }).target.name;
    if (spec.nodeName) {
      const problem = `pod ${name} is already assigned to node "${spec.nodeName}"`;
      refuse(conflict({ ...pods, plural: 'pods/binding' }, name, problem));
    }
    const status = (pod['status'] ?? {}) as { conditions?: { type: string }[] };
    const conditions = [
      ...(status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled'),
      { type: 'PodScheduled', status: 'True', lastTransitionTime: rfc3339(nowMs()) },
    ];
    write({ ...pod, spec: { ...spec, nodeName: target }, status: { ...status, conditions } });
    return SUCCESS;
  },

  eviction(_pod, _body, { erase }) {
    erase();
    return SUCCESS;
  },

  token(_account, body, { nowMs, uuid }) {
    const request = body as { spec?: { expirationSeconds?: number } };
    const expirationTimestamp = rfc3339(nowMs() + (request.spec?.expirationSeconds ?? 3600) * 1000);
    return { ...request, status: { token: `token-${uuid()}`, expirationTimestamp } };
  },
};
