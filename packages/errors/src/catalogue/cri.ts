import { defineErrors } from '../kubeedge-error.ts';

export const criErrors = defineErrors({});
