import type { UnknownObject } from '@kubeedge-ts/apis';
import { badRequest } from '../rest/api-error.ts';
import { listAt, textAt } from '../table/column.ts';

/**
 * The container a request means: the one it names, else the only one. Which one `kubectl` takes by the annotation
 * `kubectl.kubernetes.io/default-container` is its own affair.
 *
 * @throws BadRequest with the names to choose from
 */
export function chooseContainer(pod: UnknownObject, asked: string): string {
  const { name } = pod.metadata;
  const names = (field: string): string[] =>
    listAt(pod, 'spec', field).map((container) => textAt(container, 'name'));
  const containers = names('containers');
  const all = [...names('initContainers'), ...containers, ...names('ephemeralContainers')];
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only] = containers;
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${name}`);
  if (containers.length === 1) return only;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`);
}
