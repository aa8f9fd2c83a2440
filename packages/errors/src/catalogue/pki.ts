import { defineErrors } from '../kubeedge-error.ts';

export const pkiErrors = defineErrors({});
