import { dirname, isAbsolute, join } from 'node:path';
import { isRecord } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { parse } from 'yaml';

/** Bytes given in the file (base64) or by a path. */
export interface DataOrFile {
  readonly data?: string;
  readonly file?: string;
}

export interface ClusterEntry {
  readonly server: string;
  readonly ca: DataOrFile;
  readonly insecure: boolean;
  readonly serverName?: string;
}

export interface ExecEntry {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly interactiveMode?: string;
  readonly provideClusterInfo: boolean;
  readonly installHint?: string;
}

export interface UserEntry {
  readonly cert: DataOrFile;
  readonly key: DataOrFile;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly asGroups: readonly string[];
  readonly exec?: ExecEntry;
  /** A plugin kind that kubectl has removed too. */
  readonly authProvider: boolean;
}

export interface ContextEntry {
  readonly cluster: string;
  readonly user: string;
  readonly namespace?: string;
}

export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
}

/** Reads the text of one file; relative paths in it are taken from the file's folder. @throws KUBE_CONFIG_INVALID */
export function parseKubeconfig(text: string, path: string): Kubeconfig {
  const invalid = (problem: string, cause?: unknown) =>
    kubeErrors.create('KUBE_CONFIG_INVALID', { path, problem }, cause);
  let root: unknown;
  try {
    root = parse(text, { maxAliasCount: 100, logLevel: 'error' });
  } catch (cause) {
    throw invalid('not YAML', cause);
  }
  if (root !== null && root !== undefined && !isRecord(root)) throw invalid('not a mapping');
  const fields = new Fields(root ?? {}, '', invalid);
  const folder = dirname(path);
  const resolve = (file: string | undefined) =>
    file === undefined ? undefined : isAbsolute(file) ? file : join(folder, file);
  const dataOrFile = (entry: Fields, name: string): DataOrFile => ({
    data: entry.text(`${name}-data`),
    file: resolve(entry.text(name)),
  });
  return {
    currentContext: fields.text('current-context'),
    clusters: fields.named('clusters', 'cluster', (entry) => ({
      server: entry.text('server') ?? '',
      ca: dataOrFile(entry, 'certificate-authority'),
      insecure: entry.flag('insecure-skip-tls-verify'),
      serverName: entry.text('tls-server-name'),
    })),
    users: fields.named('users', 'user', (entry) => ({
      cert: dataOrFile(entry, 'client-certificate'),
      key: dataOrFile(entry, 'client-key'),
      token: entry.text('token'),
      tokenFile: resolve(entry.text('tokenFile')),
      username: entry.text('username'),
      password: entry.text('password'),
      as: entry.text('as'),
      asGroups: entry.texts('as-groups'),
      exec: entry.section('exec', (exec) => execEntry(exec, folder)),
      authProvider: entry.section('auth-provider', () => true) ?? false,
    })),
    contexts: fields.named('contexts', 'context', (entry) => ({
      cluster: entry.text('cluster') ?? '',
      user: entry.text('user') ?? '',
      namespace: entry.text('namespace'),
    })),
  };
}

function execEntry(exec: Fields, folder: string): ExecEntry {
  const command = exec.text('command') ?? '';
  return {
    apiVersion: exec.text('apiVersion') ?? '',
    // A bare name is looked up in PATH, a path is relative to the file.
    command: command.includes('/') && !isAbsolute(command) ? join(folder, command) : command,
    args: exec.texts('args'),
    env: Object.fromEntries(
      exec.list('env').map((entry) => [entry.text('name') ?? '', entry.text('value') ?? '']),
    ),
    interactiveMode: exec.text('interactiveMode'),
    provideClusterInfo: exec.flag('provideClusterInfo'),
    installHint: exec.text('installHint'),
  };
}

/** Typed access to a mapping; names the path of a field that has the wrong type. */
class Fields {
  readonly #map: Record<string, unknown>;
  readonly #path: string;
  readonly #invalid: (problem: string) => Error;

  constructor(map: Record<string, unknown>, path: string, invalid: (problem: string) => Error) {
    this.#map = map;
    this.#path = path;
    this.#invalid = invalid;
  }

  #read<T>(name: string, type: string, accepts: (value: unknown) => value is T): T | undefined {
    const value = Object.hasOwn(this.#map, name) ? this.#map[name] : undefined;
    if (value === undefined || value === null || value === '') return undefined;
    if (!accepts(value)) throw this.#invalid(`${this.#path}${name} is not ${type}`);
    return value;
  }

  text(name: string): string | undefined {
    return this.#read(name, 'a string', (value) => typeof value === 'string');
  }

  flag(name: string): boolean {
    return this.#read(name, 'true or false', (value) => typeof value === 'boolean') ?? false;
  }

  texts(name: string): readonly string[] {
    const accepts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((item) => typeof item === 'string');
    return this.#read(name, 'a list of strings', accepts) ?? [];
  }

  section<T>(name: string, read: (fields: Fields) => T): T | undefined {
    const map = this.#read(name, 'a mapping', isRecord);
    return map === undefined ? undefined : read(new Fields(map, `${this.#path}${name}.`, this.#invalid));
  }

  list(name: string): readonly Fields[] {
    const accepts = (value: unknown): value is Record<string, unknown>[] =>
      Array.isArray(value) && value.every(isRecord);
    const items = this.#read(name, 'a list of mappings', accepts) ?? [];
    return items.map((item, index) => new Fields(item, `${this.#path}${name}[${index}].`, this.#invalid));
  }

  /** A list of `{name, <section>}`; the first of a name counts. */
  named<T>(name: string, section: string, read: (fields: Fields) => T): ReadonlyMap<string, T> {
    const entries = this.list(name).flatMap((item): [string, T][] => {
      const key = item.text('name');
      const value = item.section(section, read);
      return key === undefined || value === undefined ? [] : [[key, value]];
    });
    return new Map(entries.reverse());
  }
}

/** Earlier files win, entry by entry, as with kubectl. */
export function mergeKubeconfigs(files: readonly Kubeconfig[]): Kubeconfig {
  const merged = <T>(pick: (file: Kubeconfig) => ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map(files.toReversed().flatMap((file) => [...pick(file)]));
  return {
    currentContext: files.find((file) => file.currentContext !== undefined)?.currentContext,
    clusters: merged((file) => file.clusters),
    users: merged((file) => file.users),
    contexts: merged((file) => file.contexts),
  };
}
