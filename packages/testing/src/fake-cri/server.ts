import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { createCriCodec, METHODS } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { Refusal } from './refusal.ts';

/** `signal`: the caller has given up. Throws a Refusal for a status. */
export interface CallHandler {
  unary(method: string, request: object, signal: AbortSignal): Promise<object>;
  stream(method: string, request: object, signal: AbortSignal): AsyncIterable<object>;
}

/** CRI v1 on a unix socket by grpc-js: a server that is not our own, so that both ends cannot share a mistake. */
export async function serveCri(socket: string, handler: CallHandler): Promise<Server> {
  const server = new Server();
  for (const service of ['runtime.v1.RuntimeService', 'runtime.v1.ImageService']) {
    const { definition, implementation } = serviceOf(service, handler);
    server.addService(definition, implementation);
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return server;
}

type Implementation = Record<
  string,
  handleUnaryCall<object, object> | handleServerStreamingCall<object, object>
>;

function serviceOf(
  service: string,
  handler: CallHandler,
): { definition: ServiceDefinition; implementation: Implementation } {
  const codec = createCriCodec();
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: Implementation = {};
  for (const [method, [owner, request, response, stream]] of Object.entries(METHODS)) {
    if (owner !== service) continue;
    definition[method] = {
      path: `/${service}/${method}`,
      requestStream: false,
      responseStream: stream !== undefined,
      requestSerialize: (value: object) => Buffer.from(codec.encode(request, value)),
      requestDeserialize: (bytes) => codec.decode(request, bytes),
      responseSerialize: (value: object) => Buffer.from(codec.encode(response, value)),
      responseDeserialize: (bytes) => codec.decode(response, bytes),
    };
    implementation[method] = stream === undefined ? unary(method, handler) : streaming(method, handler);
  }
  return { definition, implementation };
}

const statusOf = (error: unknown): { code: number; details: string } => ({
  code: error instanceof Refusal ? error.code : 13,
  details: errorText(error),
});

function unary(method: string, handler: CallHandler): handleUnaryCall<object, object> {
  return (call, done) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    handler.unary(method, call.request, gone.signal).then(
      (value) => done(null, value),
      (error) => done(statusOf(error)),
    );
  };
}

function streaming(method: string, handler: CallHandler): handleServerStreamingCall<object, object> {
  return async (call) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    try {
      for await (const item of handler.stream(method, call.request, gone.signal)) call.write(item);
      call.end();
    } catch (error) {
      call.emit('error', statusOf(error));
    }
  };
}
