export { dialTunnel } from './edge/dial.ts';
export { listenTunnels } from './server/listen.ts';
export * from './types.ts';
