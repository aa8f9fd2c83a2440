export * from './backoff.ts';
export * from './clock.ts';
export * from './deferred.ts';
export * from './logger.ts';
export * from './random.ts';
export * from './version.ts';
