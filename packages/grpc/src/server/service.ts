import type { MethodRow, MethodTable } from '../client.ts';
import { type Codec, createCodec, type FieldTable, type Init } from '../codec.ts';
import type { GrpcCode } from '../status.ts';

/** Thrown by a handler: the call ends with this status. Anything else a handler throws becomes UNKNOWN. */
export class GrpcRefusal extends Error {
  readonly code: GrpcCode;

  constructor(code: GrpcCode, details: string) {
    super(details);
    this.name = 'GrpcRefusal';
    this.code = code;
  }
}

export interface CallContext {
  /** Aborts when the client gives up, its deadline passes, or the server closes. */
  readonly signal: AbortSignal;
}

/** One function per method, in lower camel case; a method without one is UNIMPLEMENTED. */
export type ServiceImplementation<M> = {
  readonly [K in keyof M as Uncapitalize<K & string>]?: M[K] extends {
    request: infer Request;
    response: infer Response;
  }
    ? M[K] extends { stream: true }
      ? (request: Request, context: CallContext) => AsyncIterable<Init<Response>>
      : (request: Request, context: CallContext) => Init<Response> | Promise<Init<Response>>
    : never;
};

/** A method over bytes. A malformed request throws the codec's error. */
export type Handler =
  | {
      readonly stream: false;
      readonly call: (request: Uint8Array, context: CallContext) => Promise<Uint8Array>;
    }
  | {
      readonly stream: true;
      readonly call: (request: Uint8Array, context: CallContext) => AsyncIterable<Uint8Array>;
    };

/** Handlers by path, `/package.Service/Method`. */
export type GrpcService = ReadonlyMap<string, Handler>;

/** A malformed request is INTERNAL, as grpc-go has it. */
const malformed = (message: string, problem: string): never => {
  throw new GrpcRefusal('INTERNAL', `${message} cannot be read: ${problem}`);
};

export function serviceOf<M>(
  methods: MethodTable<M>,
  tables: Readonly<Record<string, FieldTable>>,
  implementation: ServiceImplementation<M>,
): GrpcService {
  const codec = createCodec(tables, malformed);
  const handlers = new Map<string, Handler>();
  const functions = implementation as Readonly<Record<string, AnyHandler | undefined>>;
  for (const [method, row] of Object.entries<MethodRow>(methods)) {
    const call = functions[method.charAt(0).toLowerCase() + method.slice(1)];
    if (call !== undefined) handlers.set(`/${row[0]}/${method}`, handlerOf(codec, row, call));
  }
  return handlers;
}

type AnyHandler = (request: object, context: CallContext) => object | Promise<object> | AsyncIterable<object>;

function handlerOf(codec: Codec, [, request, response, stream]: MethodRow, call: AnyHandler): Handler {
  if (stream === undefined) {
    return {
      stream: false,
      call: async (bytes, context) =>
        codec.encode(response, await (call(codec.decode(request, bytes), context) as Promise<object>)),
    };
  }
  return {
    stream: true,
    async *call(bytes, context) {
      const items = call(codec.decode(request, bytes), context) as AsyncIterable<object>;
      for await (const item of items) yield codec.encode(response, item);
    },
  };
}
