import type { KubeList, UnknownObject } from '@kubeedge-ts/apis';
import { groupVersion } from '../registry/types.ts';
import { notFound } from '../rest/api-error.ts';
import type { ApiContext, ApiRequest, ApiResponse } from '../rest/api-request.ts';
import { selectionOf } from '../rest/selection.ts';
import { textAt } from '../table/column.ts';
import { nodeMetricsOf, podMetricsOf } from './metrics-objects.ts';
import type { FiguresSource } from './node-figures.ts';

type Handler = (context: ApiContext, request: ApiRequest) => Promise<ApiResponse>;

const GROUP = 'metrics.k8s.io';

/** GET of nodes and pods of metrics.k8s.io, by storage key: computed from what the nodes say when asked. */
export function metricsHandlers(source: FiguresSource): Readonly<Record<string, Handler>> {
  const nodeMetrics = async (context: ApiContext, nodes: readonly UnknownObject[]) => {
    const figures = await source.figuresOf(nodes);
    return nodes.flatMap((node) => {
      const usage = figures.get(node.metadata.name)?.node;
      return usage === undefined ? [] : [nodeMetricsOf(node, usage, context.clock.now())];
    });
  };
  const podMetrics = async (context: ApiContext, pods: readonly UnknownObject[]) => {
    const names = new Set(pods.map((pod) => textAt(pod, 'spec', 'nodeName')));
    const nodes = [...names].flatMap((name) => stored(context, 'nodes', '', name) ?? []);
    const figures = await source.figuresOf(nodes);
    return pods.flatMap((pod) => {
      const { namespace, name } = pod.metadata;
      const containers = figures.get(textAt(pod, 'spec', 'nodeName'))?.pods.get(`${namespace}/${name}`);
      return containers === undefined ? [] : [podMetricsOf(pod, containers, context.clock.now())];
    });
  };
  return {
    [`nodes.${GROUP}`]: answer('nodes', 'nodemetrics', nodeMetrics),
    [`pods.${GROUP}`]: answer('pods', 'podmetrics', podMetrics),
  };
}

/**
 * @param resource whose figures they are
 * @param word what metrics-server calls them where there are none
 */
function answer(
  resource: 'nodes' | 'pods',
  word: string,
  metricsOf: (context: ApiContext, objects: readonly UnknownObject[]) => Promise<UnknownObject[]>,
): Handler {
  return async (context, request) => {
    const { definition, info } = request;
    if (info.verb === 'get') {
      const object = stored(context, resource, info.namespace, info.name);
      if (object === undefined) throw notFound({ group: '', plural: resource }, info.name);
      const [metrics] = await metricsOf(context, [object]);
      const name = definition.namespaced ? `${info.namespace}/${info.name}` : info.name;
      if (metrics === undefined) throw notFound({ group: GROUP, plural: word }, name);
      return { status: 200, body: metrics };
    }
    const selection = selectionOf(request.query, definition);
    const namespace = definition.namespaced && info.namespace !== '' ? info.namespace : undefined;
    const objects = context.store
      .list(resource, namespace)
      .map(({ object }) => object)
      .filter((object) => selection.matches(object));
    const items = (await metricsOf(context, objects)).map(({ kind: _k, apiVersion: _a, ...rest }) => rest);
    const body = {
      kind: definition.listKind,
      apiVersion: groupVersion(definition),
      metadata: {},
      items: items as UnknownObject[],
    } satisfies KubeList<UnknownObject>;
    return { status: 200, body };
  };
}

function stored(
  { store }: ApiContext,
  resource: string,
  namespace: string,
  name: string,
): UnknownObject | undefined {
  return store.get({ resource, namespace, name })?.object;
}
