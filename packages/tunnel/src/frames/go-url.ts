/** Go's `url.URL`, as its JSON encoder writes it (spec/cloudstream-edgestream.md §2.3). */
export interface GoUrl {
  readonly Scheme: string;
  readonly Opaque: string;
  readonly User: null;
  readonly Host: string;
  /** Decoded. */
  readonly Path: string;
  /** As it was written, where that cannot be had from `Path`; else empty. */
  readonly RawPath: string;
  readonly OmitHost: boolean;
  readonly ForceQuery: boolean;
  readonly RawQuery: string;
  readonly Fragment: string;
  readonly RawFragment: string;
}

/** Undefined when the path is no valid percent-encoding of UTF-8 text. */
export function goUrlOf(host: string, target: string): GoUrl | undefined {
  const [written, query] = splitQuery(target);
  const path = decode(written);
  if (path === undefined) return undefined;
  return {
    Scheme: 'http',
    Opaque: '',
    User: null,
    Host: host,
    Path: path,
    RawPath: escapePath(path) === written ? '' : written,
    OmitHost: false,
    ForceQuery: query === '',
    RawQuery: query ?? '',
    Fragment: '',
    RawFragment: '',
  };
}

/** The request target of such a URL; `RawPath` counts only where it is an encoding of `Path`, as in Go. */
export function targetOfGoUrl(url: Pick<GoUrl, 'Path' | 'RawPath' | 'RawQuery' | 'ForceQuery'>): string {
  const { Path, RawPath, RawQuery, ForceQuery } = url;
  const path = RawPath !== '' && decode(RawPath) === Path ? RawPath : escapePath(Path);
  return RawQuery !== '' || ForceQuery ? `${path}?${RawQuery}` : path;
}

function splitQuery(target: string): [path: string, query: string | undefined] {
  const at = target.indexOf('?');
  return at === -1 ? [target, undefined] : [target.slice(0, at), target.slice(at + 1)];
}

function decode(written: string): string | undefined {
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
}

/** Go leaves `$&+,/:;=@` as they are in a path, and escapes `!'()*`. */
function escapePath(path: string): string {
  return encodeURIComponent(path.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent);
}
