import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { admitNode } from '../admission.ts';
import type { PeerIdentity } from '../types.ts';
import { acceptAll, createBench, MAX_FRAME, type TransportUnderTest } from './harness.ts';

type Subject = () => Promise<TransportUnderTest>;
const hasCode =
  (...codes: string[]) =>
  (error: unknown): boolean =>
    codes.some((code) => isKubeEdgeError(error, code));

/** Who may connect, and how a dial fails. */
export function identityPromises(subject: Subject): void {
  it('the server knows node, project, certificate subject and further headers of its peer', async (t) => {
    const bench = await createBench(t, await subject());
    const { server } = await bench.pair('edge-7', { headers: { 'X-Capability': 'lanes' } });
    const { nodeName, projectId, commonName, organization, headers } = server.peer;
    assert.deepEqual(
      { nodeName, projectId, commonName, organization, capability: headers['x-capability'] },
      {
        nodeName: 'edge-7',
        projectId: 'project',
        commonName: 'system:node:edge-7',
        organization: 'system:nodes',
        capability: 'lanes',
      },
    );
  });

  it('the dialler knows the further headers of the server, as they are at that moment', async (t) => {
    let count = 0;
    const headers = () => ({ 'X-Offer': `telemetry-${++count}` });
    const bench = await createBench(t, await subject(), { headers });
    const [first, second] = [await bench.pair(), await bench.pair()];
    assert.equal(first.client.peer.headers['x-offer'], 'telemetry-1');
    assert.equal(second.client.peer.headers['x-offer'], 'telemetry-2');
  });

  it('the certificate of node A used as node B is refused with 403', async (t) => {
    const tested = await subject();
    const bench = await createBench(t, tested, { admission: admitNode() });
    await bench.pair('edge-a');
    const attempt = bench.dial('edge-b', { tls: tested.clientTls('edge-a') });
    await assert.rejects(attempt, (error) => {
      assert.ok(isKubeEdgeError(error, 'VIADUCT_REFUSED'));
      assert.equal(error.details['status'], 403);
      assert.match(String(error.details['reason']), /system:node:edge-a .* cannot be used as node edge-b/);
      return true;
    });
    assert.equal(bench.accepted.length, 1);
  });

  it('the admission sees the peer, and its refusal reaches the dialler', async (t) => {
    const peers: PeerIdentity[] = [];
    const bench = await createBench(t, await subject(), {
      admission: (peer) => {
        peers.push(peer);
        return { accept: false, status: 503, reason: 'node limit reached' };
      },
    });
    await assert.rejects(bench.dial('edge-1'), (error) => {
      assert.ok(isKubeEdgeError(error, 'VIADUCT_REFUSED'));
      assert.deepEqual([error.details['status'], error.details['reason']], [503, 'node limit reached']);
      return true;
    });
    assert.equal(peers[0]?.nodeName, 'edge-1');
    assert.equal(bench.accepted.length, 0);
  });

  it('a client certificate of another CA is refused', async (t) => {
    const tested = await subject();
    const bench = await createBench(t, tested);
    const tls = { ...tested.foreignTls, ca: tested.clientTls('edge-1').ca };
    await assert.rejects(bench.dial('edge-1', { tls }), hasCode('VIADUCT_REFUSED', 'VIADUCT_TLS'));
    assert.equal(bench.accepted.length, 0);
  });

  it('a server whose certificate is of another CA is not talked to', async (t) => {
    const tested = await subject();
    const server = await tested.transport.listen(
      { address: '127.0.0.1', port: 0, tls: tested.foreignTls, maxFrameBytes: MAX_FRAME },
      acceptAll,
      () => assert.fail('nobody may connect'),
    );
    t.after(() => server.close());
    const attempt = tested.transport.dial({
      url: tested.url(server.port, 'edge-1'),
      tls: tested.clientTls('edge-1'),
      nodeName: 'edge-1',
      projectId: 'project',
      maxFrameBytes: MAX_FRAME,
      handshakeTimeoutMs: 10_000,
    });
    await assert.rejects(attempt, hasCode('VIADUCT_TLS'));
  });

  it('a dial fails with the reason of its signal, before and during the handshake', async (t) => {
    const bench = await createBench(t, await subject());
    const reason = new Error('changed my mind');
    await assert.rejects(bench.dial('edge-1', { signal: AbortSignal.abort(reason) }), reason);
    const link = await bench.link();
    const stop = new AbortController();
    const attempt = bench.dial('edge-1', { port: link.port, signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await assert.rejects(attempt, reason);
    assert.equal(bench.accepted.length, 0);
  });

  it('a port nobody listens on is VIADUCT_UNREACHABLE, a used one VIADUCT_LISTEN', async (t) => {
    const tested = await subject();
    const bench = await createBench(t, tested);
    const { port } = bench.server;
    const second = tested.transport.listen(
      { address: '127.0.0.1', port, tls: tested.serverTls, maxFrameBytes: MAX_FRAME },
      acceptAll,
      () => undefined,
    );
    await assert.rejects(second, hasCode('VIADUCT_LISTEN'));
    await bench.dispose();
    await assert.rejects(bench.dial('edge-1', { port }), hasCode('VIADUCT_UNREACHABLE'));
  });
}
