import type { WebSocket } from 'ws';

/** The numbered streams in one WebSocket: `<channel byte><bytes>`, or `<digit><base64>` in the base64 protocols. */
export interface Channels {
  /** Whether the protocol tells how a command ended (v4). */
  readonly hasStatus: boolean;
  send(channel: number, bytes: Buffer): void;
  onData(listener: (channel: number, bytes: Buffer) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export function channelsOf(webSocket: WebSocket): Channels {
  const isBase64 = webSocket.protocol.includes('base64');
  webSocket.on('error', () => webSocket.terminate());
  return {
    hasStatus: webSocket.protocol.startsWith('v4.'),
    send(channel, bytes) {
      if (webSocket.readyState !== webSocket.OPEN) return;
      webSocket.send(
        isBase64 ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.of(channel), bytes]),
      );
    },
    onData(listener) {
      webSocket.on('message', (data: Buffer) => {
        if (data.length === 0) return;
        if (isBase64) listener((data[0] as number) - 0x30, Buffer.from(data.toString('utf8', 1), 'base64'));
        else listener(data[0] as number, data.subarray(1));
      });
    },
    onClose: (listener) => void webSocket.on('close', listener),
    close: () => webSocket.close(1000),
  };
}
