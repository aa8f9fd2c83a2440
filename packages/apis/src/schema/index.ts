export { conforms, violation } from './conforms.ts';
export {
  type CrdConversion,
  type CrdSpec,
  type CrdVersion,
  type CustomResourceDefinition,
  OWNED_BY,
  OWNED_LABEL,
  type PrinterColumn,
} from './crd.ts';
export type { StructuralSchema, TypeOf } from './structural.ts';
