/** What a request authenticates with. */
export interface Credentials {
  /** Value of the `Authorization` header. */
  readonly authorization?: string;
  /** PEM client certificate chain and key. */
  readonly cert?: string;
  readonly key?: string;
}

export interface Authenticator {
  /**
   * The credentials for the next request. `rejected` are those the server has answered 401 to: what can be
   * obtained anew is. @throws KUBE_CREDENTIALS
   */
  credentials(signal: AbortSignal | undefined, rejected?: Credentials): Promise<Credentials>;
}

/** How to reach one API server, as one user. */
export interface ClusterConfig {
  /** Base URL; a path in it is kept as a prefix. */
  readonly server: URL;
  /** PEM; undefined means the system's authorities. */
  readonly ca?: string;
  /** Name the server's certificate must carry, when it is not the host of `server`. */
  readonly serverName?: string;
  /** Namespace of the context; `default` when it names none. */
  readonly namespace: string;
  readonly authenticator: Authenticator;
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] };
}

/** Credentials that never change. */
export function fixedCredentials(credentials: Credentials): Authenticator {
  return { credentials: async () => credentials };
}
