import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { type AddressInputs, chooseAddress, wayTo } from './published-address.ts';

const MACHINE = [
  { address: '127.0.0.1', loopback: true },
  { address: '10.1.0.4', loopback: false },
  { address: '192.168.7.4', loopback: false },
  { address: 'fe80::1', loopback: false },
];
const choose = (inputs: Partial<AddressInputs>) =>
  chooseAddress({ configured: '', towardsApi: undefined, advertised: [], local: MACHINE, ...inputs });

test('where the API server finds the nodes: what the user says, else what the way to it tells', () => {
  const cases: [Partial<AddressInputs>, string, RegExp][] = [
    [
      { configured: 'cloud.example.org', towardsApi: '10.1.0.4' },
      'cloud.example.org',
      /cloudStream\.address/,
    ],
    [
      { towardsApi: '192.168.7.4', advertised: ['203.0.113.1'] },
      '192.168.7.4',
      /talks to the API server from/,
    ],
    [
      { towardsApi: '127.0.0.1', advertised: ['203.0.113.1', '192.168.7.4'] },
      '192.168.7.4',
      /advertiseAddress/,
    ],
    [{ towardsApi: '127.0.0.1', advertised: ['203.0.113.1', '127.0.0.1'] }, '10.1.0.4', /first address/],
    [{ towardsApi: '::1' }, '10.1.0.4', /first address/],
    [{ towardsApi: '127.0.0.1', local: MACHINE.slice(0, 1) }, '127.0.0.1', /no other address/],
    [{ towardsApi: '127.0.0.1', local: [MACHINE[0]!, MACHINE[3]!] }, '127.0.0.1', /no other address/],
    [{ local: [] }, '127.0.0.1', /no other address/],
  ];
  for (const [inputs, address, reason] of cases) {
    const choice = choose(inputs);
    assert.equal(choice.address, address, JSON.stringify(inputs));
    assert.match(choice.reason, reason);
  }
});

test('the address towards a server is that of a connection with it; none while it is away', async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { signal } = new AbortController();
  const url = new URL(`https://127.0.0.1:${port}`);
  assert.deepEqual(await wayTo(url, signal), { from: '127.0.0.1', to: '127.0.0.1' });
  server.close();
  await once(server, 'close');
  assert.equal(await wayTo(url, signal), undefined);
});
