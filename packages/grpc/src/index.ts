export {
  type ChannelCallOptions,
  createGrpcChannel,
  type GrpcChannel,
  type GrpcChannelOptions,
  type GrpcOutcome,
} from './channel.ts';
export * from './client.ts';
export { type Codec, createCodec, type FieldTable, type Init, type MalformedError } from './codec.ts';
export type { GrpcCode, GrpcFailure, GrpcStatus } from './status.ts';
export { type GrpcTarget, unixTarget } from './target.ts';
