export * from './admission.ts';
export * from './handshake.ts';
export * from './keepalive.ts';
export * from './reconnect.ts';
export * from './registry.ts';
export * from './types.ts';
export { createWebSocketTransport } from './websocket/transport.ts';
