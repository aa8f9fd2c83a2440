export type { CallOptions, Init } from '@kubeedge-ts/grpc';
export * from './client.ts';
export * from './generated/messages.ts';
