/** What of a route its matching needs. */
export interface RoutePattern {
  readonly methods: readonly string[];
  /** Segments that begin with a colon are parameters. */
  readonly path: string;
}

export type RouteMatch<R extends RoutePattern> =
  | { readonly route: R; readonly params: Readonly<Record<string, string>> }
  /** 400: the path is no valid encoding of text. */
  | { readonly status: 400 | 404 }
  | { readonly status: 405; readonly allow: readonly string[] };

/** Finds the route of a request in a table; parameters come decoded. A slash at the end changes nothing. */
export function createRouteMatcher<R extends RoutePattern>(
  routes: readonly R[],
): (method: string, pathname: string) => RouteMatch<R> {
  const patterns = routes.map((route) => ({ route, parts: route.path.slice(1).split('/') }));
  const tooMany = Math.max(...patterns.map(({ parts }) => parts.length)) + 1;

  return (method, pathname) => {
    const segments = decodedSegments(pathname, tooMany);
    if (segments === undefined) return { status: 400 };
    const fitting = patterns.filter(
      ({ parts }) =>
        parts.length === segments.length &&
        parts.every((part, index) =>
          part.startsWith(':') ? segments[index] !== '' : part === segments[index],
        ),
    );
    const hit = fitting.find(({ route }) => route.methods.includes(method));
    if (hit === undefined) {
      if (fitting.length === 0) return { status: 404 };
      return { status: 405, allow: fitting.flatMap(({ route }) => route.methods) };
    }
    const params = hit.parts.flatMap((part, index) =>
      part.startsWith(':') ? [[part.slice(1), segments[index] as string] as const] : [],
    );
    return { route: hit.route, params: Object.fromEntries(params) };
  };
}

function decodedSegments(pathname: string, limit: number): readonly string[] | undefined {
  const trimmed = pathname.replace(/^\//, '').replace(/\/$/, '');
  try {
    return trimmed.split('/', limit).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
