import type { UnknownObject } from '@kubeedge-ts/apis';
import { at, listAt, textAt } from '../table/column.ts';

export const CSR_STORAGE = 'certificatesigningrequests.certificates.k8s.io';

export type Condition = Readonly<Record<string, unknown>>;

export const APPROVED = 'Approved';
export const DENIED = 'Denied';
export const FAILED = 'Failed';

export function conditionsOf(csr: UnknownObject, type?: string): readonly Condition[] {
  const conditions = listAt(csr, 'status', 'conditions');
  return type === undefined ? conditions : conditions.filter((condition) => condition['type'] === type);
}

export function certificateOf(csr: UnknownObject): string {
  return textAt(csr, 'status', 'certificate');
}

export function signerOf(csr: UnknownObject): string {
  return textAt(csr, 'spec', 'signerName');
}

export function usagesOf(csr: UnknownObject): readonly string[] {
  const usages = at(csr, 'spec', 'usages');
  return Array.isArray(usages) ? usages.map(String) : [];
}
