import type { UnknownObject } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import { canonicalQuantity, parseQuantity } from '../schema/quantity.ts';
import { column, listAt, nameColumn, textAt } from './column.ts';

const windowColumn = column('Window', 'What the figures look back over.', (metrics) =>
  textAt(metrics, 'window'),
);

export const nodeMetricsColumns: readonly Column[] = [
  nameColumn,
  column('cpu', 'Cores in use.', (metrics) => textAt(metrics, 'usage', 'cpu')),
  column('memory', 'Memory in use.', (metrics) => textAt(metrics, 'usage', 'memory')),
  windowColumn,
];

export const podMetricsColumns: readonly Column[] = [
  nameColumn,
  column('cpu', 'Cores in use by all containers.', (metrics) => sum(metrics, 'cpu', 'n', 1n)),
  column('memory', 'Memory in use by all containers.', (metrics) =>
    sum(metrics, 'memory', 'Ki', 1024n * 1_000_000_000n),
  ),
  windowColumn,
];

/** All containers together; `unit` is worth so many units of 10⁻⁹. */
function sum(metrics: UnknownObject, resource: 'cpu' | 'memory', unit: string, worth: bigint): string {
  const total = listAt(metrics, 'containers')
    .map((container) => parseQuantity(textAt(container, 'usage', resource)) ?? 0n)
    .reduce((whole, part) => whole + part, 0n);
  return canonicalQuantity(`${total / worth}${unit}`) ?? '';
}
