import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createPortRedirects } from './port-redirects.ts';

// runs in a network namespace of its own, like every test of this tier
test('with the real iptables a connection to any address comes here by its port, until it is taken back', async (t) => {
  const server = createServer((socket) => socket.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const redirects = createPortRedirects({ log: silentLogger });
  await redirects.add({ address: '127.0.0.1', port });
  await redirects.add({ address: '127.0.0.1', port });
  // 127.1.2.3 is loopback as well, and nobody listens there
  const socket = connect({ host: '127.1.2.3', port });
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  await once(socket, 'close');
  assert.equal(text, 'here');
  await redirects.close();
  const refused = connect({ host: '127.1.2.3', port });
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});
