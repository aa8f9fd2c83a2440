import { defineErrors } from '../kubeedge-error.ts';

export const kubeErrors = defineErrors({});
