import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event, Message } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { until } from '../edgehub/testing/manual-clock.ts';
import { OUR_CLOUD, type Rig, withMetaManager } from './testing/rig.ts';
import { objectAnswer } from './testing/scripted-hub.ts';

/** What can happen to a pod that ends, its events and the link, in any order. */
type Step =
  | { readonly do: 'event'; readonly name: number }
  | { readonly do: 'status'; readonly phase: 'Running' | 'Failed' }
  /** `crash`: nothing more is written, then edgecore starts again. */
  | { readonly do: 'connect' | 'disconnect' | 'crash' | 'wait' }
  /** Messages arrive but their answers are lost, or the API is away. */
  | { readonly do: 'lose' | 'away' | 'accept' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('event' as const), name: fc.nat(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('status' as const),
      phase: fc.constantFrom('Running' as const, 'Failed' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('connect' as const, 'disconnect' as const, 'crash' as const, 'wait' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'away' as const, 'accept' as const) }),
  },
);

const POD = { namespace: 'shop', name: 'till', uid: 'u' };

/** A cloud and its API: what it has been told, in order of arrival. */
function createCloud(answersEvents: boolean) {
  let mode: 'accept' | 'away' | 'lose' = 'accept';
  const events = new Map<string, number>();
  const phases: string[] = [];
  const unavailable = { ErrStatus: { reason: 'ServiceUnavailable', message: 'later' } };
  const take = ({ route, content }: Message): void => {
    const { metadata, count = 1 } = content as Event;
    const known = events.get(metadata.name);
    if (known === undefined) assert.equal(route.operation, 'insert', 'the first of its name');
    events.set(metadata.name, Math.max(known ?? 0, count));
  };
  return {
    events,
    phases,
    deleted: 0,
    setMode: (to: typeof mode) => {
      mode = to;
    },
    answer(message: Message): unknown {
      const { operation, resource = '' } = message.route;
      if (operation === 'response') return undefined;
      if (mode === 'away') return unavailable;
      if (resource.includes('/event/')) {
        take(message);
        return answersEvents && mode === 'accept' ? 'OK' : undefined;
      }
      if (operation === 'delete') this.deleted = phases.length;
      else phases.push(JSON.parse(String(message.content)).status.phase);
      if (mode === 'lose') return undefined;
      return operation === 'delete'
        ? 'OK'
        : objectAnswer({ metadata: POD, status: { phase: phases.at(-1) }, spec: {} });
    },
    /** For a cloud that does not answer events. */
    async deliver(messages: readonly Message[]): Promise<void> {
      const lost = edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'deliver', resource: 'cloud' });
      // The API's state is not seen by one who is not answered.
      for (const message of messages) take(message);
      if (mode !== 'accept') throw lost;
    },
  };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

for (const [kind, cloudHeaders] of [
  ['our cloud', OUR_CLOUD],
  ['an upstream cloud', {}],
] as const) {
  test(`property: ${kind} gets every event, counted up, first told first, and the last status before the deletion`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 16 }), async (steps) => {
        let dead = false;
        const cloud = createCloud(kind === 'our cloud');
        await withMetaManager(
          async (first) => {
            let rig: Rig = first;
            const counts = new Map<string, number>();
            await rig.hub.down('insert', 'shop/pod/till', {
              kind: 'Pod',
              metadata: POD,
              spec: {},
              status: {},
            });
            await until(() => rig.told.length > 0);
            const connect = async (): Promise<void> => {
              rig.hub.answer = (message) => cloud.answer(message);
              await rig.hub.connect(true);
              await until(() => rig.meta.client.connected, 'connection');
            };
            for (const action of steps) {
              switch (action.do) {
                case 'event': {
                  const name = `e-${action.name}`;
                  counts.set(name, (counts.get(name) ?? 0) + 1);
                  const count = counts.get(name);
                  const metadata = { name, namespace: 'shop' };
                  await rig.meta.client.reportEvent({ metadata, involvedObject: {}, count } as Event);
                  break;
                }
                case 'status':
                  await rig.meta.client.reportPodStatus(POD, { phase: action.phase });
                  break;
                case 'connect':
                  await connect();
                  break;
                case 'disconnect':
                  await rig.hub.connect(false);
                  await until(() => !rig.meta.client.connected, 'end of the connection');
                  break;
                case 'crash':
                  dead = true;
                  rig = await rig.restart();
                  dead = false;
                  break;
                case 'wait':
                  rig.clock.advance(1_000);
                  await settle();
                  break;
                default:
                  cloud.setMode(action.do);
              }
            }
            await rig.meta.client.reportPodStatus(POD, { phase: 'Succeeded' });
            await rig.meta.client.deletePod(POD);
            cloud.setMode('accept');
            await connect();
            await until(async () => {
              rig.clock.advance(1_000);
              await settle();
              return (await rig.rows('SELECT 1 FROM outbox')).length === 0;
            }, 'everything to be told');
            assert.deepEqual(new Map(cloud.events), counts);
            // Maps keep the order in which names came first.
            assert.deepEqual([...cloud.events.keys()], [...counts.keys()]);
            assert.equal(cloud.phases.at(-1), 'Succeeded');
            assert.equal(cloud.deleted, cloud.phases.length, 'the deletion comes after the last status');
          },
          {
            cloudHeaders,
            deliver: (messages) => cloud.deliver(messages),
            wrap: (store) => ({
              ...store,
              write: (statements) => (dead ? Promise.reject(new Error('crashed')) : store.write(statements)),
            }),
          },
        );
      }),
      { numRuns: process.env['KUBEEDGE_TS_FULL'] ? 100 : 10 },
    );
  });
}
