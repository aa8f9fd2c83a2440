import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { createCredentials, createTcpLink, transportCompliance } from '../testing/index.ts';
import { createWebSocketTransport } from './transport.ts';

transportCompliance('WebSocket', async () => ({
  ...(await createCredentials()),
  transport: createWebSocketTransport({ clock: systemClock, log: silentLogger }),
  url: (port, nodeName) => `wss://127.0.0.1:${port}/project/${nodeName}/events`,
  link: createTcpLink,
}));
