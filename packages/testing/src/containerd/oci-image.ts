import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pack } from 'tar-stream';

export interface ImageFile {
  readonly path: string;
  readonly mode?: number;
  readonly content?: Buffer | string;
  /** A symbolic link to this target; excludes `content`. */
  readonly link?: string;
  /** A directory; excludes `content` and `link`. */
  readonly directory?: true;
}

export interface ImageSource {
  /** Full references the image gets, `docker.io/library/busybox:1` style. */
  readonly names: readonly string[];
  readonly files: readonly ImageFile[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** As `USER`: a number or a name, with a group or without. */
  readonly user?: string;
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
}

interface Blob {
  digest: string;
  bytes: Buffer;
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** What images consist of. */
export interface OciContent {
  /** By digest, `sha256:…`. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Descriptors of the manifests, one per name. */
  readonly manifests: readonly OciDescriptor[];
}

export interface OciDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The same input gives the same bytes. */
export async function ociContent(images: readonly ImageSource[]): Promise<OciContent> {
  const blobs = new Map<string, Buffer>();
  const keep = (bytes: Buffer): Blob => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, bytes);
    return { digest, bytes };
  };
  const manifests: OciDescriptor[] = [];
  for (const image of images) {
    const layer = keep(await tar(image.files));
    const config = keep(
      json({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: {
          Env: [
            'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            ...Object.entries(image.env ?? {}).map(([name, value]) => `${name}=${value}`),
          ],
          ...(image.entrypoint ? { Entrypoint: image.entrypoint } : {}),
          ...(image.command ? { Cmd: image.command } : {}),
          ...(image.user ? { User: image.user } : {}),
          ...(image.workingDir ? { WorkingDir: image.workingDir } : {}),
        },
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
        history: [{ created_by: 'kubeedge-ts test images' }],
      }),
    );
    const manifest = keep(
      json({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: CONFIG, digest: config.digest, size: config.bytes.length },
        layers: [{ mediaType: LAYER, digest: layer.digest, size: layer.bytes.length }],
      }),
    );
    for (const name of image.names) {
      manifests.push({
        mediaType: MANIFEST,
        digest: manifest.digest,
        size: manifest.bytes.length,
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
        },
      });
    }
  }
  return { blobs, manifests };
}

/** An OCI image layout as one tar, as `ctr images import` takes it. */
export async function ociArchive(images: readonly ImageSource[]): Promise<Buffer> {
  const { blobs, manifests } = await ociContent(images);
  return tar([
    { path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', content: json({ schemaVersion: 2, manifests }) },
    ...[...blobs].map(([digest, content]) => ({ path: `blobs/${digest.replace(':', '/')}`, content })),
  ]);
}

/** The machine's static busybox as an image: every applet in /bin, a /tmp, users root, app (1001) and nobody. */
export async function busyboxImage(names: readonly string[], busybox = '/bin/busybox'): Promise<ImageSource> {
  const applets = [
    'sh',
    'ls',
    'cat',
    'echo',
    'sleep',
    'httpd',
    'wget',
    'nc',
    'id',
    'env',
    'mkdir',
    'touch',
    'ps',
  ]
    .concat(['true', 'false', 'test', 'date', 'hostname', 'ip', 'ping', 'nslookup', 'tail', 'head', 'grep'])
    .concat([
      'kill',
      'stat',
      'readlink',
      'rm',
      'cp',
      'mv',
      'df',
      'mount',
      'trap',
      'vi',
      'sed',
      'awk',
      'wc',
      'dd',
    ])
    .concat([
      'printf',
      'seq',
      'sync',
      'uname',
      'whoami',
      'xargs',
      'sort',
      'tr',
      'cut',
      'md5sum',
      'chmod',
      'yes',
    ]);
  return {
    names,
    command: ['sh'],
    files: [
      { path: 'bin', directory: true },
      { path: 'bin/busybox', mode: 0o755, content: await readFile(busybox) },
      ...applets.map((applet) => ({ path: `bin/${applet}`, link: 'busybox' })),
      { path: 'etc', directory: true },
      {
        path: 'etc/passwd',
        content:
          'root:x:0:0:root:/root:/bin/sh\napp:x:1001:1001:app:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
      },
      { path: 'etc/group', content: 'root:x:0:\napp:x:1001:\nnogroup:x:65534:\n' },
      { path: 'root', directory: true },
      { path: 'tmp', directory: true, mode: 0o1777 },
    ],
  };
}

/** The same busybox with a user, an entrypoint, an environment or a working directory of its own; no further layer. */
export async function busyboxVariant(
  names: readonly string[],
  config: Pick<ImageSource, 'entrypoint' | 'command' | 'user' | 'env' | 'workingDir'>,
): Promise<ImageSource> {
  return { ...(await busyboxImage(names)), ...config };
}

/** A sandbox image: the same busybox, sleeping. */
export async function pauseImage(names: readonly string[], busybox = '/bin/busybox'): Promise<ImageSource> {
  return {
    names,
    entrypoint: ['/busybox', 'sleep', '2147483647'],
    files: [{ path: 'busybox', mode: 0o755, content: await readFile(busybox) }],
  };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

async function tar(files: readonly ImageFile[]): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const done = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  for (const { path, mode, content, link, directory } of files) {
    const common = { name: path, mtime: new Date(0), uid: 0, gid: 0 };
    if (directory) archive.entry({ ...common, type: 'directory', mode: mode ?? 0o755 });
    else if (link !== undefined) archive.entry({ ...common, type: 'symlink', linkname: link });
    else archive.entry({ ...common, mode: mode ?? 0o644 }, Buffer.from(content ?? ''));
  }
  archive.finalize();
  await done;
  return Buffer.concat(chunks);
}
