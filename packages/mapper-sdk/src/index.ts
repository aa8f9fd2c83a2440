// What a mapper needs besides: it imports this package only.
export { errorText, mapperErrors } from '@kubeedge-ts/errors';
export { createLogger, type Logger, type Random, seededRandom, systemRandom } from '@kubeedge-ts/runtime';
export { createMapper } from './mapper.ts';
export { runMapper } from './run-mapper.ts';
export type * from './types.ts';
