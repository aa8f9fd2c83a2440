import { defineErrors } from '../kubeedge-error.ts';

export const configErrors = defineErrors({});
