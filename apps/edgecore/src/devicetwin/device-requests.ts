import { deviceErrors } from '@kubeedge-ts/errors';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { Batch } from './batch.ts';
import { applyChanges, type DeviceContext, modelType } from './context.ts';
import { decodeObject, decodeTwinUpdate, eventIdOf, field } from './decode.ts';
import {
  type DeviceTopic,
  membershipTopic,
  NAMELESS_UPDATE_RESULT,
  parseDeviceTopic,
} from './device-topics.ts';
import { errorResult, membershipGetResult, stateResult, twinGetResult, updateResult } from './payloads.ts';
import { decideTwins, type Mode } from './twin-machine.ts';
import type { Device } from './types.ts';
import { REASONS } from './values.ts';
import type { Job } from './work-loop.ts';

/** A message on one of DeviceTwin's topics. */
export interface DeviceMessage {
  readonly topic: string;
  /** Undefined when it was larger than 1 MiB. */
  readonly payload: Buffer | undefined;
  /** Declared size, bytes. */
  readonly size: number;
}

type Request = Extract<DeviceTopic, { readonly id: string }> & DeviceMessage;
type Handler = (context: DeviceContext, request: Request, batch: Batch) => void;

/** States a device may report, in any case; `disconnected` only comes from mappers of KubeEdge 1.9. */
const STATES: ReadonlySet<string> = new Set([
  'online',
  'offline',
  'ok',
  'unknown',
  'unhealthy',
  'disconnected',
]);
/** Part of a refused payload that is repeated in an answer. */
const SHOWN = 256;

/** The job of a message; undefined when its topic is none of DeviceTwin's. */
export function deviceRequest(
  context: DeviceContext,
  message: DeviceMessage,
  publish: (topic: string, payload: string) => void,
): Job | undefined {
  const topic = parseDeviceTopic(message.topic);
  if (topic === undefined) return undefined;
  const answerTopic = resultTopic(context, topic);
  return {
    run(batch) {
      if (topic.action === 'membership/get') membershipGet(context, message, batch);
      else HANDLERS[topic.action](context, { ...topic, ...message }, batch);
    },
    failed(reason) {
      const object = decodeObject(message.payload);
      const eventId = typeof object === 'string' ? '' : eventIdOf(object);
      publish(answerTopic, errorResult(eventId, context.clock.now(), 500, reason));
    },
  };
}

function resultTopic({ nodeName }: DeviceContext, topic: DeviceTopic): string {
  if (topic.action === 'membership/get') return membershipTopic(nodeName, 'get/result');
  const action = topic.action === 'twin/cloud_updated' ? 'twin/update' : topic.action;
  return `${topic.base}/${action}/result`;
}

const HANDLERS: Readonly<Record<Request['action'], Handler>> = {
  'twin/update': (context, request, batch) => updateTwins(context, request, batch, 'rest'),
  'twin/cloud_updated': (context, request, batch) => updateTwins(context, request, batch, 'sync'),
  'twin/get': getTwins,
  'state/update': updateState,
};

/** spec/mqtt-and-devicetwin.md §6.1, §6.4. */
function updateTwins(context: DeviceContext, request: Request, batch: Batch, mode: Mode): void {
  const { clock } = context;
  const answer = (payload: string): void => batch.publish(`${request.base}/twin/update/result`, payload);
  const decoded = decodeTwinUpdate(request.payload);
  if (!decoded.ok) {
    answer(errorResult(decoded.eventId, clock.now(), 400, decoded.reason));
    batch.publish(NAMELESS_UPDATE_RESULT, errorResult('', clock.now(), 400, decoded.reason));
    refused(context, request, decoded.reason);
    return;
  }
  const { eventId, value: requests } = decoded;
  const device = deviceOf(context, request);
  if (device === undefined) {
    answer(errorResult(eventId, clock.now(), 404, REASONS.unknownDevice));
    return;
  }
  const outcome = decideTwins(device.twins, requests, {
    mode,
    now: clock.now(),
    modelType: (name) => modelType(context, device, name),
  });
  if (!outcome.ok) {
    answer(errorResult(eventId, clock.now(), 400, outcome.reason));
    return;
  }
  if (mode === 'rest') answer(updateResult(eventId, clock.now(), outcome.changes));
  applyChanges(context, batch, device, outcome.changes, eventId);
}

/** spec/mqtt-and-devicetwin.md §6.8. */
function getTwins(context: DeviceContext, request: Request, batch: Batch): void {
  const { clock } = context;
  const answer = (payload: string): void => batch.publish(`${request.base}/twin/get/result`, payload);
  const object = decodeObject(request.payload);
  if (typeof object === 'string') {
    answer(
      errorResult('', clock.now(), 400, `Unmarshal twin info ${shown(request)} failed , err: ${object}`),
    );
    refused(context, request, object);
    return;
  }
  const device = deviceOf(context, request);
  if (device === undefined) {
    const reason = `Device ${request.id} not found while getting twin`;
    answer(errorResult(eventIdOf(object), clock.now(), 404, reason));
    return;
  }
  answer(twinGetResult(eventIdOf(object), clock.now(), device));
}

/** spec/mqtt-and-devicetwin.md §5. Upstream answers nothing to what it refuses; here the sender hears why. */
function updateState(context: DeviceContext, request: Request, batch: Batch): void {
  const { clock, random, reports } = context;
  const topic = `${request.base}/state/update/result`;
  const refuse = (eventId: string, code: number, reason: string): void => {
    batch.publish(topic, errorResult(eventId, clock.now(), code, reason));
    refused(context, request, reason);
  };
  const object = decodeObject(request.payload);
  if (typeof object === 'string') {
    refuse('', 400, `state update is not readable: ${object}`);
    return;
  }
  const device = deviceOf(context, request);
  const state = field(object, 'state');
  if (device === undefined) {
    refuse(eventIdOf(object), 404, REASONS.unknownDevice);
    return;
  }
  if (typeof state !== 'string' || !STATES.has(state.toLowerCase())) {
    refuse(eventIdOf(object), 400, `state must be one of ${[...STATES].join(', ')}`);
    return;
  }
  const alive = state.toLowerCase() === 'online' || state.toLowerCase() === 'ok';
  device.state = state;
  device.lastOnline = alive ? rfc3339(clock.now()) : '';
  batch.stateRow(device);
  const result = stateResult(random.uuid(), clock.now(), device);
  batch.publish(topic, result);
  batch.afterCommit(() => reports.stateChanged(device.id, result));
}

/** spec/mqtt-and-devicetwin.md §4.2. The node in the topic is not compared, as upstream does not. */
function membershipGet(context: DeviceContext, message: DeviceMessage, batch: Batch): void {
  const { clock, nodeName, devices } = context;
  const topic = membershipTopic(nodeName, 'get/result');
  const object = decodeObject(message.payload);
  if (typeof object === 'string') {
    const reason = `Unmarshal get membership info ${shown(message)} failed , err: ${object}`;
    batch.publish(topic, errorResult('', clock.now(), 400, reason));
    refused(context, message, object);
    return;
  }
  batch.publish(topic, membershipGetResult(eventIdOf(object), clock.now(), devices.all()));
}

function deviceOf({ devices }: DeviceContext, request: Request): Device | undefined {
  const device = devices.find(request.id);
  if (device !== undefined && request.levels === 1) device.oneLevelSeen = true;
  return device;
}

function shown({ payload }: DeviceMessage): string {
  return payload === undefined ? '' : payload.toString('utf8', 0, SHOWN);
}

function refused({ log }: DeviceContext, { topic, payload, size }: DeviceMessage, reason: string): void {
  const error =
    payload === undefined
      ? deviceErrors.create('DEVICE_PAYLOAD_TOO_LARGE', { topic, size, limit: 1_048_576 })
      : deviceErrors.create('DEVICE_PAYLOAD_INVALID', { topic, reason });
  log.warn({ code: error.code, topic: topic.slice(0, SHOWN), size, reason }, 'device payload refused');
}
