import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createPortRedirects, type Run } from './port-redirects.ts';

/** A nat table in memory, as far as this is about it. */
function fakeTable(refuse: (argv: readonly string[]) => string | undefined = () => undefined) {
  const chains = new Map<string, string[]>([
    ['PREROUTING', []],
    ['OUTPUT', []],
  ]);
  const calls: string[] = [];
  const run: Run = async (program, argv) => {
    assert.deepEqual(argv.slice(0, 4), ['-w', '5', '-t', 'nat']);
    const [command = '', chain = '', ...rest] = argv.slice(4);
    calls.push(`${program} ${command} ${chain}`);
    const complaint = refuse(argv);
    if (complaint !== undefined) return { code: 4, complaint };
    const rules = chains.get(chain);
    const rule = rest.join(' ');
    const failed = { code: 1, complaint: 'no such thing' };
    switch (command) {
      case '-N':
        chains.set(chain, []);
        break;
      case '-L':
        if (rules === undefined) return failed;
        break;
      case '-C':
        if (!rules?.includes(rule)) return failed;
        break;
      case '-A':
        rules?.push(rule);
        break;
      case '-D':
        chains.set(chain, rules?.filter((own) => own !== rule) ?? []);
        break;
      default:
        assert.fail(command);
    }
    return { code: 0, complaint: '' };
  };
  return { chains, calls, run };
}

const jump = '-m comment --comment kubeedge tunnel port -j TUNNEL-PORT';

test('a port is redirected by upstream’s chain, each rule once, and taken back at the end', async () => {
  const { chains, run } = fakeTable();
  const redirects = createPortRedirects({ run, log: silentLogger });
  const foreign = '-p tcp -j DNAT --dport 10351 --to 10.0.0.1:10003';
  await redirects.add({ address: '192.0.2.1', port: 20_001 });
  chains.get('TUNNEL-PORT')?.push(foreign);
  await redirects.add({ address: '192.0.2.1', port: 20_001 });
  await redirects.add({ address: '192.0.2.1', port: 20_002 });
  assert.deepEqual(chains.get('OUTPUT'), [jump]);
  assert.deepEqual(chains.get('PREROUTING'), [jump]);
  assert.deepEqual(chains.get('TUNNEL-PORT'), [
    '-p tcp -m tcp --dport 20001 -j DNAT --to-destination 192.0.2.1:20001',
    foreign,
    '-p tcp -m tcp --dport 20002 -j DNAT --to-destination 192.0.2.1:20002',
  ]);
  await redirects.close();
  assert.deepEqual(chains.get('TUNNEL-PORT'), [foreign], 'what others have put there stays');
});

test('an address of IPv6 is ip6tables’ matter', async () => {
  const { chains, calls, run } = fakeTable();
  await createPortRedirects({ run, log: silentLogger }).add({ address: 'fd00::1', port: 20_001 });
  assert.ok(calls.every((call) => call.startsWith('ip6tables ')));
  assert.match(chains.get('TUNNEL-PORT')?.[0] ?? '', /--to-destination \[fd00::1\]:20001$/);
});

test('what iptables refuses is an error with its own words', async () => {
  const { run } = fakeTable((argv) =>
    argv.includes('-N') ? 'Permission denied (you must be root)\n' : undefined,
  );
  await assert.rejects(
    createPortRedirects({ run, log: silentLogger }).add({ address: '192.0.2.1', port: 1 }),
    (error) => {
      assert.ok(isKubeEdgeError(error, 'CLOUDCORE_IPTABLES'));
      assert.equal(error.details['problem'], 'Permission denied (you must be root)');
      return true;
    },
  );
});

test('a machine without iptables is an error, not the end', async () => {
  const saved = process.env['PATH'];
  process.env['PATH'] = '/nonexistent';
  try {
    await assert.rejects(
      createPortRedirects({ log: silentLogger }).add({ address: '192.0.2.1', port: 1 }),
      (error) => isKubeEdgeError(error, 'CLOUDCORE_IPTABLES'),
    );
  } finally {
    process.env['PATH'] = saved;
  }
});
