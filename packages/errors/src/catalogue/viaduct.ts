import { defineErrors } from '../kubeedge-error.ts';

export const viaductErrors = defineErrors({});
