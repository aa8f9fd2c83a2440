import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TokenRequest } from '@kubeedge-ts/apis';
import { until } from '../edgehub/testing/manual-clock.ts';
import { type Rig, withMetaManager } from './testing/rig.ts';
import { objectAnswer } from './testing/scripted-hub.ts';
import { goQuote, tokenKey } from './token-key.ts';
import { EXPIRED_ANNOTATION } from './tokens.ts';

const bound = (uid: string) => ({ kind: 'Pod', apiVersion: 'v1', name: 'p', uid });
const request = (uid = 'u-1'): TokenRequest =>
  ({ spec: { expirationSeconds: 3_600, boundObjectRef: bound(uid) } }) as unknown as TokenRequest;

describe('tokenKey', () => {
  test('is the text Go prints (metamanager-and-metaserver §2.2)', () => {
    const wanted = {
      spec: { expirationSeconds: 3_607, boundObjectRef: bound('u-1') },
    } as unknown as TokenRequest;
    assert.equal(
      tokenKey('ns1', 'default', wanted),
      '"default"/"ns1"/[]string(nil)/3607/v1.BoundObjectReference{Kind:"Pod", APIVersion:"v1", Name:"p", UID:"u-1"}',
    );
    assert.equal(
      tokenKey('n', 's', { spec: { audiences: ['a', 'b'] } }),
      '"s"/"n"/[]string{"a", "b"}/0/v1.BoundObjectReference{Kind:"", APIVersion:"", Name:"", UID:""}',
    );
  });

  test('quotes like Go', () => {
    assert.equal(goQuote('a"\\\n\x01é'), '"a\\"\\\\\\n\\x01é"');
  });
});

/** Answers token queries with tokens `t1`, `t2` … that live an hour. */
function issueTokens({ hub, clock }: Rig): void {
  let issued = 0;
  hub.answer = ({ route, content }) => {
    if (route.operation !== 'query') return undefined;
    issued += 1;
    const { spec } = content as TokenRequest;
    const expirationTimestamp = new Date(clock.now() + 3_600_000).toISOString();
    return { metadata: { name: 'default' }, spec, status: { token: `t${issued}`, expirationTimestamp } };
  };
}
const token = async (rig: Rig, uid?: string) =>
  (await rig.meta.client.getToken('ns1', 'default', request(uid))).status?.token;
const connected = async (rig: Rig): Promise<void> => {
  await rig.hub.connect(true);
  await until(() => rig.meta.client.connected);
};

describe('getToken', () => {
  test('asks once, stores the answer under its key, acknowledges it, and serves it from then on', () =>
    withMetaManager(async (rig) => {
      issueTokens(rig);
      await connected(rig);
      assert.deepEqual(await Promise.all([token(rig), token(rig)]), ['t1', 't1']);
      assert.equal(await token(rig), 't1');
      const [query, ack] = rig.hub.sent;
      assert.deepEqual(query?.route, {
        source: 'edged',
        group: 'meta',
        operation: 'query',
        resource: 'ns1/serviceaccounttoken/default',
      });
      assert.deepEqual(query?.content, {
        metadata: { creationTimestamp: null },
        spec: { audiences: null, expirationSeconds: 3_600, boundObjectRef: bound('u-1') },
        status: { token: '', expirationTimestamp: null },
      });
      assert.equal(ack?.content, 'OK');
      const rows = await rig.rows('SELECT key, type FROM meta');
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [{ key: tokenKey('ns1', 'default', request()), type: 'serviceaccounttoken' }],
      );
    }));

  test('is renewed from 80 % of its life on', () =>
    withMetaManager(async (rig) => {
      issueTokens(rig);
      await connected(rig);
      await token(rig);
      rig.clock.advance(0.79 * 3_600_000);
      assert.equal(await token(rig), 't1');
      rig.clock.advance(0.02 * 3_600_000);
      assert.equal(await token(rig), 't2');
    }));

  test('offline an expired one is kept, handed out and marked; online it is replaced', () =>
    withMetaManager(async (first) => {
      issueTokens(first);
      await connected(first);
      await token(first);
      const rig = await first.restart();
      rig.clock.advance(2 * 3_600_000);
      const old = await rig.meta.client.getToken('ns1', 'default', request());
      assert.equal(old.status?.token, 't1');
      assert.equal(old.metadata?.annotations?.[EXPIRED_ANNOTATION], 'true');
      rig.hub.answer = () => objectAnswer(null);
      await connected(rig);
      assert.equal(await token(rig), 't1', 'an answer without a token changes nothing');
      issueTokens(rig);
      const fresh = await rig.meta.client.getToken('ns1', 'default', request());
      assert.equal(fresh.metadata?.annotations, undefined);
    }));

  test('offline without a stored one it fails typed', () =>
    withMetaManager(async (rig) => {
      await assert.rejects(token(rig), { code: 'EDGE_DISCONNECTED' });
    }));

  test('forgetTokens removes those of one pod, also beside rows that are no JSON', () =>
    withMetaManager(async (rig) => {
      issueTokens(rig);
      await connected(rig);
      await token(rig, 'u-1');
      await token(rig, 'u-2');
      await rig.store.write([{ sql: "INSERT INTO meta VALUES ('x', 'serviceaccounttoken', 'no json')" }]);
      await rig.meta.client.forgetTokens('u-1');
      assert.equal((await rig.rows("SELECT 1 FROM meta WHERE key LIKE '%u-1%'")).length, 0);
      assert.equal((await rig.rows('SELECT 1 FROM meta')).length, 2);
    }));
});
