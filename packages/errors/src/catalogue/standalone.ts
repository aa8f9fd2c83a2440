import { defineErrors } from '../kubeedge-error.ts';

export const standaloneErrors = defineErrors({});
