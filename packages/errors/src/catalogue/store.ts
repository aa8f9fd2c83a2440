import { defineErrors } from '../kubeedge-error.ts';

export const storeErrors = defineErrors({});
