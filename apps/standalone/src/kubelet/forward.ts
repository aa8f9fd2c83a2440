/** Where on a node something is asked. */
export interface Backend {
  readonly host: string;
  readonly port: number;
  /**
   * `kubelet`: TLS verified by the cluster's CA, with this server's client certificate. `unverified`: the same, with any
   * certificate taken, because the client asked for that. `https`: verified, without a certificate of ours. `http`: plain.
   */
  readonly transport: 'kubelet' | 'unverified' | 'https' | 'http';
  /** With its query. */
  readonly path: string;
}

/** What a request for a node comes to, decided from the stored objects; the forwarder carries it out. */
export type Forward =
  /** Nothing runs yet: 204. */
  | { readonly kind: 'nothing' }
  /** The path ends before the slash of the root: 301 to it. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** One answer of text; refusals become a Status about the pod. */
  | { readonly kind: 'log'; readonly backend: Backend; readonly pod: string }
  /** An upgrade and nothing else. */
  | { readonly kind: 'stream'; readonly backend: Backend }
  /** Anything. `prefix` is the part of the path that belongs to this server. */
  | { readonly kind: 'proxy'; readonly backend: Backend; readonly prefix: string; readonly uri: string };
