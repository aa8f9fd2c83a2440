export type { Caller } from './caller.ts';
export * from './route.ts';
export { createHttpsServer, type HttpsServer, type HttpsServerOptions } from './server.ts';
