export * from './client.ts';
export { type Codec, createCodec, type Init } from './codec.ts';
export * from './generated/messages.ts';
