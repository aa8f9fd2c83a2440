import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { busyboxImage, ociContent } from './oci-image.ts';

export interface RegistryOptions {
  readonly username: string;
  readonly password: string;
}

/** A registry on loopback, which container runtimes speak plain HTTP to, with one image for those who know its password. */
export interface Registry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** `127.0.0.1:port/private/busybox:1` */
  readonly image: string;
  /** How often the manifest was asked for with the right password, and without. */
  readonly asked: { right: number; wrong: number };
  close(): Promise<void>;
}

const NAME = 'private/busybox';

/** As much of the OCI distribution protocol as a pull needs. */
export async function startRegistry({ username, password }: RegistryOptions): Promise<Registry> {
  const { blobs, manifests } = await ociContent([await busyboxImage([`${NAME}:1`])]);
  const manifest = manifests[0];
  if (manifest === undefined) throw new Error('an image has a manifest');
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const asked = { right: 0, wrong: 0 };

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    const isManifest =
      path === `/v2/${NAME}/manifests/1` || path === `/v2/${NAME}/manifests/${manifest.digest}`;
    const isRight = request.headers.authorization === expected;
    if (isManifest) asked[isRight ? 'right' : 'wrong'] += 1;
    if (!isRight) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' });
      response.end();
      return;
    }
    const digest = isManifest ? manifest.digest : path.replace(`/v2/${NAME}/blobs/`, '');
    const content = path === '/v2/' ? Buffer.from('{}') : blobs.get(digest);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': isManifest ? manifest.mediaType : 'application/octet-stream',
      'content-length': content.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : content);
  };

  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    image: `${host}/${NAME}:1`,
    asked,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
