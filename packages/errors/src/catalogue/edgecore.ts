import { defineErrors } from '../kubeedge-error.ts';

export const edgecoreErrors = defineErrors({});
