import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Forward } from '../kubelet/forward.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceDefinition } from '../registry/types.ts';
import type { ObjectStore } from '../storage/index.ts';
import type { ResourceRequest } from './request-info.ts';

export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What every handler works with. */
export interface ApiContext {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Who asks, while a request is answered. */
  readonly user?: UserInfo;
}

/** A request for a resource, authenticated and authorised. */
export interface ApiRequest {
  readonly info: ResourceRequest;
  readonly definition: ResourceDefinition;
  /** The HTTP method. */
  readonly method: string;
  readonly query: URLSearchParams;
  /** The query as it was sent. */
  readonly rawQuery: string;
  /** Lower-case names; values joined as Node does. */
  header(name: string): string | undefined;
  readonly user: UserInfo;
  /** The body; bounded. @throws RequestEntityTooLarge */
  body(): Promise<Buffer>;
  readonly signal: AbortSignal;
}

/** An answer whose body is sent as JSON, or as text when it is a string. */
export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
  /** Each becomes a `Warning: 299` header, which kubectl prints. */
  readonly warnings?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer comes from a node: the request is to be carried there. */
export interface ForwardResponse {
  readonly forward: Forward;
}

/** A watch: lines are sent as they come until it ends or the client leaves. */
export interface StreamResponse {
  /** Starts sending through `write`, which returns false when the client does not keep up and must be dropped. */
  start(write: (line: string) => boolean, end: () => void): () => void;
}
