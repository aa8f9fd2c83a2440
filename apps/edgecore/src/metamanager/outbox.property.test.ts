import { test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { until } from '../edgehub/testing/manual-clock.ts';
import { semanticallyEqual } from './canonical-json.ts';
import { applyStatusPatch } from './testing/apply-status-patch.ts';
import { type Rig, withMetaManager } from './testing/rig.ts';
import { errorAnswer, objectAnswer } from './testing/scripted-hub.ts';

/** What can happen to two pods and the link, in any order. */
type Step =
  | { readonly do: 'report'; readonly pod: number; readonly ready: boolean; readonly note: number }
  | { readonly do: 'connect' | 'restart' | 'wait' }
  | { readonly do: 'disconnect'; readonly awayMs: number }
  /** The next messages are received but their answers are lost, or they are refused. */
  | { readonly do: 'lose' | 'refuse' | 'accept' }
  /** Another controller changes the status; the cloud tells the edge, or the edge has been away too long. */
  | { readonly do: 'meddle'; readonly pod: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('report' as const),
      pod: fc.nat(1),
      ready: fc.boolean(),
      note: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('disconnect' as const), awayMs: fc.constantFrom(100, 40_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'refuse' as const, 'accept' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('meddle' as const), pod: fc.nat(1) }) },
);

const POD_NAMES = ['a', 'b'];
const identity = (pod: number) => ({ namespace: 'default', name: POD_NAMES[pod] ?? '', uid: `u-${pod}` });

/** The API server behind a cloudcore: keeps versions, applies patches. */
function createCloud() {
  let version = 1;
  let mode: 'accept' | 'refuse' | 'lose' = 'accept';
  const statuses: Record<string, unknown>[] = [{ phase: 'Pending' }, { phase: 'Pending' }];
  const object = (pod: number) => {
    const { uid, ...names } = identity(pod);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...names, uid, resourceVersion: String(version) },
      spec: {},
      status: statuses[pod],
    };
  };
  const answer = ({ route, content }: Message): unknown => {
    if (route.operation !== 'patch') return undefined;
    if (mode === 'refuse') return errorAnswer('InternalError', 'try later');
    const pod = POD_NAMES.indexOf(route.resource?.split('/')[2] ?? '');
    statuses[pod] = applyStatusPatch(statuses[pod] ?? {}, JSON.parse(String(content)).status);
    version += 1;
    return mode === 'lose' ? undefined : objectAnswer(object(pod));
  };
  return {
    statuses,
    object,
    answer,
    setMode: (to: typeof mode) => {
      mode = to;
    },
    meddle(pod: number) {
      version += 1;
      statuses[pod] = applyStatusPatch(statuses[pod] ?? {}, {
        '$setElementOrder/conditions': [{ type: 'Ready' }],
        conditions: [{ type: 'Ready', status: 'False' }],
      });
    },
  };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('property: whatever is lost, refused, cut, restarted or meddled with, the last report reaches the cloud', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), (steps) =>
      withMetaManager(async (first) => {
        let rig: Rig = first;
        const cloud = createCloud();
        const wanted: (object | undefined)[] = [undefined, undefined];
        const pushes = [true, true];
        const deliver = async (): Promise<void> => {
          for (const [pod, due] of pushes.entries()) {
            if (!due) continue;
            pushes[pod] = false;
            const sent = await rig.hub.down('update', `default/pod/${POD_NAMES[pod]}`, cloud.object(pod));
            await until(() => rig.hub.sent.some((m) => m.header.parent_msg_id === sent.header.msg_id), 'ack');
          }
        };
        const connect = async (): Promise<void> => {
          rig.hub.answer = cloud.answer;
          await rig.hub.connect(true);
          await until(() => rig.meta.client.connected, 'connection');
          await deliver();
        };
        await connect();
        for (const action of steps) {
          switch (action.do) {
            case 'report': {
              const status = {
                phase: 'Running',
                message: `note ${action.note}`,
                conditions: [{ type: 'Ready', status: action.ready ? 'True' : 'False' }],
              };
              wanted[action.pod] = status;
              await rig.meta.client.reportPodStatus(identity(action.pod), status);
              break;
            }
            case 'connect':
              await connect();
              break;
            case 'disconnect':
              await rig.hub.connect(false);
              await until(() => !rig.meta.client.connected, 'end of the connection');
              rig.clock.advance(action.awayMs);
              break;
            case 'restart':
              rig = await rig.restart();
              // Edged reports every pod it finds again.
              for (const [pod, status] of wanted.entries()) {
                if (status !== undefined) await rig.meta.client.reportPodStatus(identity(pod), status);
              }
              break;
            case 'meddle':
              cloud.meddle(action.pod);
              pushes[action.pod] = true;
              if (rig.meta.client.connected) await deliver();
              break;
            case 'wait':
              await settle();
              break;
            default:
              cloud.setMode(action.do);
          }
        }
        cloud.setMode('accept');
        await connect();
        const reached = () =>
          wanted.every(
            (status, pod) =>
              status === undefined ||
              semanticallyEqual({ ...cloud.statuses[pod], ...status }, cloud.statuses[pod]),
          );
        await until(async () => {
          rig.clock.advance(1_000);
          await settle();
          return reached() && (await rig.rows('SELECT 1 FROM outbox')).length === 0;
        }, 'the cloud to have what was reported last');
      }),
    ),
    { numRuns: process.env['KUBEEDGE_TS_FULL'] ? 100 : 10 },
  );
});
