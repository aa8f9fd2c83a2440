import { defineErrors } from '../kubeedge-error.ts';

export const cloudcoreErrors = defineErrors({});
