export * from './admission.ts';
export * from './handshake.ts';
export * from './keepalive.ts';
export * from './reconnect.ts';
export * from './registry.ts';
export * from './types.ts';
export { createPendingHandshakes, type PendingHandshakes } from './websocket/pending-handshakes.ts';
export { CIPHERS, certificateProblem, isTlsFailure, MIN_TLS_VERSION, subjectOf } from './websocket/tls.ts';
export { createWebSocketTransport } from './websocket/transport.ts';
