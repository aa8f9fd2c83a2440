import { defineErrors } from '../kubeedge-error.ts';

/** EventBus and DeviceTwin. */
export const deviceErrors = defineErrors({
  EVENTBUS_MODE_INVALID: {
    message: 'mqttMode {mode} is none of 0, 1, 2',
    advice: 'Set modules.eventBus.mqttMode to 0 (embedded broker), 1 (both) or 2 (external broker).',
  },
  EVENTBUS_BIND_FAILED: {
    message: 'embedded broker cannot listen on {address}',
    advice: 'Free the address or change modules.eventBus.mqttServerInternal.',
  },
  EVENTBUS_TOPIC_FORBIDDEN: {
    message: 'client {client} may not publish on {topic}',
    advice: "Topics under $SYS and edgecore's own answers under $hw belong to the broker and to edgecore.",
  },
  EVENTBUS_PACKET_TOO_LARGE: {
    message: 'client {client} announced a packet of {size} bytes, more than {limit}',
    advice: 'Send smaller messages; the connection was closed.',
  },
  EVENTBUS_RETAINED_FULL: {
    message: 'retained message on {topic} refused: {count} are kept already',
    advice: 'Clear retained messages that are no longer needed (publish an empty retained message).',
  },
  EVENTBUS_UPLOADS_FULL: {
    message: 'upload on {topic} was dropped: {waiting} uploads wait for the cloud',
    advice: 'The cloud is away or too slow for the uploads of this node.',
  },
  EVENTBUS_REQUEST_INVALID: {
    message: '{operation} on {topic} was ignored: {problem}',
    advice: 'Check the rule or program in the cloud that sent it.',
  },
  DEVICE_PAYLOAD_TOO_LARGE: {
    message: 'payload of {size} bytes on {topic} exceeds {limit}',
    advice: 'Split the update; twin payloads are limited to 1 MiB.',
  },
  DEVICE_PAYLOAD_INVALID: {
    message: 'payload on {topic} was refused: {reason}',
    advice: 'Compare the payload with the twin message formats in the documentation.',
  },
  DEVICE_MESSAGE_INVALID: {
    message: 'message {operation} {resource} was ignored: {problem}',
    advice: 'The cloud and this edge disagree about a message; check their versions.',
  },
  DEVICE_DESIRED_INVALID: {
    message: 'desired value of {device} property {property} was ignored: {reason}',
    advice: 'Correct spec.properties[].desired of the Device.',
  },
  DEVICE_STORE_FAILED: {
    message: 'changes of {requests} device requests could not be stored',
    advice:
      'See the cause; the requests were answered with code 500 and the devices read again from the store.',
  },
});
