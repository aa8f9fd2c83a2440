import type { ServerResponse } from 'node:http';
import type { StreamResponse } from '../rest/api-request.ts';

/** Bytes a watch client may be behind, beyond the state it asked for at the beginning. */
const BACKLOG_LIMIT = 16 * 1024 * 1024;

/** Sends a watch. A client that does not read is dropped: it can resume from the last version it saw. */
export function streamTo(response: ServerResponse, stream: StreamResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
  let limit = Number.POSITIVE_INFINITY;
  let stop = (): void => {};
  let ended = false;
  response.once('close', () => {
    ended = true;
    stop();
  });
  const write = (line: string): boolean => {
    if (ended) return false;
    response.write(line);
    if (response.writableLength <= limit) return true;
    response.destroy();
    return false;
  };
  const end = (): void => {
    ended = true;
    response.end();
  };
  stop = stream.start(write, end);
  limit = BACKLOG_LIMIT + response.writableLength;
  if (ended) stop();
}
