export {
  createGrpcServer,
  type GrpcServer,
  type GrpcServerOptions,
  type GrpcService,
} from './server.ts';
export { type CallContext, GrpcRefusal, type ServiceImplementation, serviceOf } from './service.ts';
