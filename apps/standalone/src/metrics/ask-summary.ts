import type { IncomingMessage } from 'node:http';
import type { UnknownObject } from '@kubeedge-ts/apis';
import { dialErrorText } from '../kubelet/dial-error.ts';
import type { Backend } from '../kubelet/forward.ts';
import { kubeletEndpoint } from '../kubelet/node-endpoint.ts';
import type { NodeTransport } from '../kubelet/transport.ts';
import { type NodeFigures, readSummary } from './summary.ts';

const LIMIT = 16 * 1024 * 1024;

/** Asks a node's kubelet API for its figures. */
export async function askSummary(
  transport: NodeTransport,
  node: UnknownObject,
  signal: AbortSignal,
): Promise<NodeFigures> {
  const backend: Backend = {
    ...kubeletEndpoint(node),
    transport: 'kubelet',
    path: '/stats/summary?only_cpu_and_memory=true',
  };
  const { host, port } = backend;
  const headers = ['Host', `${host.includes(':') ? `[${host}]` : host}:${port}`];
  const request = transport.request(backend, { method: 'GET', headers });
  const giveUp = (): void => void request.destroy(signal.reason as Error);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
      if (signal.aborted) giveUp();
      request.end();
    });
    const text = await readText(response);
    if (response.statusCode !== 200) {
      throw new Error(`status ${response.statusCode}: ${text.slice(0, 512)}`);
    }
    const figures = readSummary(JSON.parse(text));
    if (figures === undefined) throw new Error('the answer is no summary');
    return figures;
  } catch (error) {
    throw new Error(dialErrorText(error, backend), { cause: error });
  } finally {
    signal.removeEventListener('abort', giveUp);
    request.destroy();
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LIMIT) throw new Error(`more than ${LIMIT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
