import { defineErrors } from '../kubeedge-error.ts';

export const messageErrors = defineErrors({
  MESSAGE_MALFORMED: {
    message: 'message is malformed at {path}: {problem}',
    advice:
      'The peer sent something that is no KubeEdge message; check that it is a KubeEdge program of a supported version.',
  },
  MESSAGE_ROUTE_UNKNOWN: {
    message: 'no route for source {source}, operation {operation}, resource {resource}',
    advice: 'The message was refused. A newer peer may use a message this version does not know.',
  },
  MESSAGE_CONTENT_INVALID: {
    message: 'content of {operation} {resource} is invalid at {path}: {problem}',
    advice: 'Look at the sender named in the message route; the message was refused.',
  },
  MESSAGE_TIMEOUT: {
    message: 'no answer to {operation} {resource} from {module} within {timeoutMs} ms',
    advice: 'The receiving module is overloaded or the peer is away; the caller retries.',
  },
  MESSAGE_MODULE_UNKNOWN: {
    message: 'no module or group named {module}',
    advice: 'The module is disabled in the configuration or has stopped.',
  },
  MESSAGE_MAILBOX_FULL: {
    message: 'mailbox of module {module} is full ({capacity} messages)',
    advice: 'The module does not keep up; the sender must retry later.',
  },
  MESSAGE_BUS_LISTEN: {
    message: 'cannot listen on unix socket {path}: {problem}',
    advice: 'Another program uses the socket, or its folder does not exist or is not writable.',
  },
  MESSAGE_BUS_CLOSED: {
    message: 'no connection with the message bus at {path}: {problem}',
    advice: 'The program behind the socket is not running or has stopped; start it and connect again.',
  },
});
