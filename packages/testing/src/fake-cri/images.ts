import { createHash } from 'node:crypto';
import type { AuthConfig, Image, Init } from '@kubeedge-ts/cri';
import { NOT_FOUND, Refusal, UNKNOWN } from './refusal.ts';

export interface FakeImageOptions {
  /** Bytes; default 1,000,000. */
  readonly size?: number;
  /** As `USER` of a Dockerfile: a number, a name, or either with a group. */
  readonly user?: string;
  readonly pinned?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** What a container without a command runs; default: something that runs until it is stopped. */
  readonly command?: readonly string[];
}

interface Stored extends FakeImageOptions {
  readonly id: string;
  readonly tags: Set<string>;
  readonly digests: Set<string>;
}

/** The images of the fake runtime, and those it could pull. */
export class FakeImages {
  /** Images that a registry has; a pull of any other fails. */
  readonly registry = new Set<string>();
  /** Reference → what a pull of it must present. */
  readonly credentials = new Map<string, { readonly username: string; readonly password: string }>();
  readonly #stored = new Map<string, Stored>();
  readonly #options = new Map<string, FakeImageOptions>();

  /** What an image of the registry will be like once pulled. */
  describe(reference: string, options: FakeImageOptions): void {
    this.#options.set(fullName(reference), options);
  }

  /** As imported: it has tags and no digest. */
  add(reference: string, options: FakeImageOptions = this.#options.get(fullName(reference)) ?? {}): void {
    const name = fullName(reference);
    const id = `sha256:${sha256(name)}`;
    const { tags, digests } = this.#stored.get(id) ?? { tags: new Set<string>(), digests: new Set<string>() };
    (name.includes('@') ? digests : tags).add(name);
    this.#stored.set(id, { ...options, id, tags, digests });
  }

  /** Another name of an image that is there. */
  tag(reference: string, name: string): void {
    this.#find(reference)?.tags.add(fullName(name));
  }

  find(reference: string): Image | undefined {
    const found = this.#find(reference);
    return found === undefined ? undefined : imageOf(found);
  }

  optionsOf(reference: string): FakeImageOptions | undefined {
    return this.#find(reference);
  }

  list(): Image[] {
    return [...this.#stored.values()].map(imageOf);
  }

  /** The id. @throws Refusal as containerd says it */
  pull(reference: string, auth: Init<AuthConfig> | undefined): string {
    const failed = `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}"`;
    if (![...this.registry].some((name) => fullName(name) === fullName(reference))) {
      throw new Refusal(NOT_FOUND, `${failed}: ${reference}: not found`);
    }
    const wanted = this.credentials.get(reference);
    if (wanted !== undefined && (auth?.username !== wanted.username || auth.password !== wanted.password)) {
      throw new Refusal(
        UNKNOWN,
        `${failed}: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
      );
    }
    this.add(reference);
    const stored = this.#find(reference) as Stored;
    const repository = fullName(reference).replace(/[@:][^/]*$/, '');
    stored.digests.add(`${repository}@sha256:${sha256(`manifest of ${reference}`)}`);
    return stored.id;
  }

  /** By id: all of it; by a name: that name, and the image with the last one. */
  remove(reference: string): void {
    const found = this.#find(reference);
    if (found === undefined) return;
    found.tags.delete(fullName(reference));
    if (found.id.endsWith(reference) || found.tags.size === 0) this.#stored.delete(found.id);
  }

  usedBytes(): number {
    return [...this.#stored.values()].reduce((sum, { size }) => sum + (size ?? DEFAULT_SIZE), 0);
  }

  #find(reference: string): Stored | undefined {
    return [...this.#stored.values()].find(
      ({ id, tags, digests }) =>
        id === reference ||
        id === `sha256:${reference}` ||
        tags.has(fullName(reference)) ||
        digests.has(fullName(reference)),
    );
  }
}

const DEFAULT_SIZE = 1_000_000;

function imageOf({ id, tags, digests, size = DEFAULT_SIZE, user = '', pinned = false }: Stored): Image {
  const [name = ''] = user.split(':');
  const isNumber = /^\d+$/.test(name);
  return {
    id,
    repoTags: [...tags],
    repoDigests: [...digests],
    size,
    ...(isNumber ? { uid: { value: Number(name) } } : {}),
    username: isNumber ? '' : name,
    pinned,
  };
}

/** In full, as runtimes keep it: `busybox` is `docker.io/library/busybox:latest`. */
function fullName(reference: string): string {
  const [first = '', ...path] = reference.split('/');
  const isHost = path.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const named = isHost ? reference : `docker.io/${path.length > 0 ? reference : `library/${reference}`}`;
  const last = named.slice(named.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? named : `${named}:latest`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
