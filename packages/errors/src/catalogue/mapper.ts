import { defineErrors } from '../kubeedge-error.ts';

export const mapperErrors = defineErrors({});
