import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { createGrpcClient } from './client.ts';
import { createCodec } from './codec.ts';
import { createGrpcServer, GrpcRefusal, serviceOf } from './server/index.ts';
import { type EchoMethods, METHODS, socketDir, TABLES, type Word } from './testing/echo.ts';

const codec = createCodec(TABLES);
const serialize = (value: object): Buffer => Buffer.from(codec.encode('Word', value));
const deserialize = (bytes: Buffer): Word => codec.decode('Word', bytes) as Word;
const method = (name: string, responseStream: boolean) => ({
  path: `/echo.v1.Echo/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
});
const definition: grpc.ServiceDefinition = { Say: method('Say', false), Count: method('Count', true) };

describe('with an independent implementation (grpc-js) on the other end', () => {
  test('our client understands its server: answers, streams, statuses, deadlines', async () => {
    await using dir = await socketDir();
    const theirs = new grpc.Server();
    theirs.addService(definition, {
      Say: (call: grpc.ServerUnaryCall<Word, object>, done: grpc.sendUnaryData<object>) => {
        if (call.request.text === 'missing') done({ code: grpc.status.NOT_FOUND, details: 'nö' });
        else if (call.request.text !== 'hang') done(null, call.request);
      },
      Count: (call: grpc.ServerWritableStream<Word, object>) => {
        for (let count = 0; count < call.request.count; count++) call.write({ count });
        if (call.request.flag) call.emit('error', { code: grpc.status.ABORTED, details: 'half way' });
        else call.end();
      },
    });
    await new Promise<void>((resolve, reject) => {
      theirs.bindAsync(`unix:${dir.path}`, grpc.ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    const ours = createGrpcClient<EchoMethods>({
      target: { path: dir.path },
      clock: systemClock,
      methods: METHODS,
      codec,
      deadlineOf: () => 5_000,
    });
    const failsWith = (grpcCode: string, text: RegExp) => (error: unknown) =>
      isKubeEdgeError(error, 'GRPC_FAILED') &&
      error.details['grpcCode'] === grpcCode &&
      text.test(error.message);
    const counted = async (request: Partial<Word>): Promise<number[]> => {
      const seen: number[] = [];
      for await (const { count } of ours.count(request)) seen.push(count);
      return seen;
    };
    try {
      assert.equal((await ours.say({ text: 'ä' })).text, 'ä');
      await assert.rejects(ours.say({ text: 'missing' }), failsWith('NOT_FOUND', /nö/));
      await assert.rejects(
        ours.say({ text: 'hang' }, { timeoutMs: 30 }),
        failsWith('DEADLINE_EXCEEDED', /./),
      );
      assert.deepEqual(await counted({ count: 4 }), [0, 1, 2, 3]);
      assert.deepEqual(await counted({ count: 0 }), []);
      assert.equal((await counted({ count: 2_000 })).length, 2_000);
      await assert.rejects(counted({ count: 2, flag: true }), failsWith('ABORTED', /half way/));
      theirs.forceShutdown();
      await assert.rejects(ours.say({}), (error) => isKubeEdgeError(error, 'GRPC_UNAVAILABLE'));
    } finally {
      ours.close();
      theirs.forceShutdown();
    }
  });

  test('its client understands our server: answers, streams, statuses, deadlines', async () => {
    await using dir = await socketDir();
    const ours = await createGrpcServer({
      listen: { path: dir.path },
      clock: systemClock,
      services: [
        serviceOf<EchoMethods>(METHODS, TABLES, {
          say: (word, { signal }) => {
            if (word.text === 'missing') throw new GrpcRefusal('NOT_FOUND', 'nö, 100 %');
            if (word.text !== 'hang') return word;
            return new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason));
            });
          },
          async *count({ count, flag }) {
            for (let item = 0; item < count; item++) yield { count: item };
            if (flag) throw new GrpcRefusal('ABORTED', 'half way');
          },
        }),
      ],
    });
    const Theirs = grpc.makeGenericClientConstructor(definition, 'Echo');
    const theirs = new Theirs(`unix:${dir.path}`, grpc.credentials.createInsecure());
    const say = (text: string, deadlineMs = 5_000): Promise<Word> =>
      new Promise((resolve, reject) => {
        theirs['Say']?.(
          { text },
          { deadline: Date.now() + deadlineMs },
          (error: grpc.ServiceError | null, word: Word) => (error ? reject(error) : resolve(word)),
        );
      });
    const counted = async (request: Partial<Word>): Promise<number[]> => {
      const seen: number[] = [];
      const call = theirs['Count']?.(request) as unknown as AsyncIterable<Word>;
      for await (const { count } of call) seen.push(count);
      return seen;
    };
    try {
      assert.equal((await say('ä')).text, 'ä');
      await assert.rejects(say('missing'), { code: grpc.status.NOT_FOUND, details: 'nö, 100 %' });
      await assert.rejects(say('hang', 50), { code: grpc.status.DEADLINE_EXCEEDED });
      assert.deepEqual(await counted({ count: 4 }), [0, 1, 2, 3]);
      assert.deepEqual(await counted({ count: 0 }), []);
      assert.equal((await counted({ count: 2_000 })).length, 2_000);
      await assert.rejects(counted({ count: 2, flag: true }), {
        code: grpc.status.ABORTED,
        details: 'half way',
      });
      const many = await Promise.all(Array.from({ length: 200 }, (_, i) => say(String(i))));
      assert.deepEqual(
        many.map(({ text }) => Number(text)),
        Array.from({ length: 200 }, (_, i) => i),
      );
    } finally {
      theirs.close();
      await ours.close();
    }
  });
});
