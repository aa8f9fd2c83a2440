import { WebSocket } from 'ws';

/** A client of exec or attach over WebSocket, protocol `v4.channel.k8s.io`. */
export interface ChannelClient {
  readonly stdout: string;
  readonly stderr: string;
  send(text: string): void;
  resize(width: number, height: number): void;
  /** What the runtime says of the command once it is over: `Success`, or `Failure` with the exit code. */
  readonly status: Promise<{ readonly status: string; readonly code: number }>;
  until(what: (client: ChannelClient) => boolean): Promise<void>;
  /** As a process that is killed does. */
  terminate(): void;
}

interface Status {
  readonly status: string;
  readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] };
}

/** TLS and what the server wants to see of its client. */
export interface ChannelOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function openChannels(
  url: string,
  protocols: string[] = ['v4.channel.k8s.io'],
  options: ChannelOptions = {},
): Promise<ChannelClient> {
  const socket = new WebSocket(url, protocols, { ...options, perMessageDeflate: false });
  const text = ['', '', '', ''];
  const closed = Promise.withResolvers<void>();
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? 0;
    text[channel] += data.subarray(1).toString();
  });
  socket.on('close', () => closed.resolve());
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) =>
      reject(new Error(`status ${response.statusCode}`)),
    );
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  const send = (channel: number, content: string): void =>
    socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(content)]));
  const client: ChannelClient = {
    get stdout() {
      return text[1] ?? '';
    },
    get stderr() {
      return text[2] ?? '';
    },
    send: (content) => send(0, content),
    resize: (width, height) => send(4, JSON.stringify({ Width: width, Height: height })),
    status: closed.promise.then(() => {
      const { status, details } = JSON.parse(text[3] || '{"status":"none"}') as Status;
      const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
      return { status, code: Number(code ?? 0) };
    }),
    async until(what) {
      for (const deadline = Date.now() + 10_000; !what(client); ) {
        if (Date.now() > deadline) throw new Error(`not reached; got ${JSON.stringify(text)}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    terminate: () => socket.terminate(),
  };
  return client;
}
