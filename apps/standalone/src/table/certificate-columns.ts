import type { UnknownObject } from '@kubeedge-ts/apis';
import { APPROVED, certificateOf, conditionsOf, DENIED, FAILED } from '../certificates/csr-object.ts';
import type { Column } from '../registry/types.ts';
import { ageColumn, at, column, nameColumn, orNone, textAt } from './column.ts';
import { humanDuration } from './duration.ts';

export const signingRequestColumns: readonly Column[] = [
  nameColumn,
  ageColumn,
  column('SignerName', 'Who is asked to sign.', (csr) => orNone(textAt(csr, 'spec', 'signerName'))),
  column('Requestor', 'Who asks.', (csr) => textAt(csr, 'spec', 'username')),
  column('RequestedDuration', 'How long it should be good for.', (csr) => {
    const seconds = at(csr, 'spec', 'expirationSeconds');
    return typeof seconds === 'number' ? humanDuration(seconds * 1000) : '<none>';
  }),
  column('Condition', 'What has come of it.', stateOf),
];

function stateOf(csr: UnknownObject): string {
  const has = (type: string): boolean => conditionsOf(csr, type).length > 0;
  return [
    has(DENIED) ? 'Denied' : has(APPROVED) ? 'Approved' : 'Pending',
    ...(has(FAILED) ? ['Failed'] : []),
    ...(certificateOf(csr) === '' ? [] : ['Issued']),
  ].join(',');
}
