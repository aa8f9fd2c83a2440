import type { UnknownObject } from '@kubeedge-ts/apis';
import { textAt } from '../table/column.ts';

/** Reads a text field for a field selector; absent fields are ''. */
export function field(...path: string[]): (object: UnknownObject) => string {
  return (object) => textAt(object, ...path);
}
