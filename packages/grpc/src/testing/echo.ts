import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MethodTable } from '../client.ts';
import type { FieldTable } from '../codec.ts';

/** A service of the tests: every kind of field, a unary and a streaming method. */
export interface Word {
  text: string;
  count: number;
  bytes: Uint8Array;
  flag: boolean;
  numbers: number[];
  names: string[];
  labels: Record<string, string>;
  next?: Word;
}

export interface EchoMethods {
  Say: { request: Word; response: Word };
  Count: { request: Word; response: Word; stream: true };
}

export const TABLES: Record<string, FieldTable> = {
  Word: [
    [1, 'text', 'string'],
    [2, 'count', 'int64'],
    [3, 'bytes', 'bytes'],
    [4, 'flag', 'bool'],
    [5, 'numbers', 'int32', true],
    [6, 'names', 'string', true],
    [7, 'labels', 'map'],
    [16, 'next', 'Word'],
  ],
};

export const METHODS: MethodTable<EchoMethods> = {
  Say: ['echo.v1.Echo', 'Word', 'Word'],
  Count: ['echo.v1.Echo', 'Word', 'Word', 'stream'],
};

export interface SocketDir extends AsyncDisposable {
  readonly path: string;
}

export async function socketDir(): Promise<SocketDir> {
  const dir = await mkdtemp(join(tmpdir(), 'kets-grpc-'));
  return {
    path: join(dir, 's.sock'),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

/** Waits until `look` is true; fails after 5 s. */
export async function until(what: string, look: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !look(); ) {
    if (Date.now() > deadline) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
