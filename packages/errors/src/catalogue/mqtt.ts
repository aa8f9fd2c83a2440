import { defineErrors } from '../kubeedge-error.ts';

export const mqttErrors = defineErrors({
  MQTT_URL_INVALID: {
    message: 'broker address {url} is not usable: {problem}',
    advice:
      'Use tcp://host:port, or ssl://host:port with TLS material. WebSocket brokers are not supported; connect through a broker bridge.',
  },
  MQTT_UNREACHABLE: {
    message: 'broker {url} cannot be reached',
    advice: 'Start the broker or correct its address; the client keeps trying.',
  },
  MQTT_REFUSED: {
    message: 'broker {url} refused the connection: {reason}',
    advice:
      'Check client id, user name and password against the settings of the broker; the client keeps trying.',
  },
  MQTT_CLOSED: {
    message: 'connection to broker {url} ended: {reason}',
    advice: 'The client reconnects by itself; another client with the same client id would end it again.',
  },
  MQTT_PROTOCOL: {
    message: 'broker sent a malformed packet: {problem}',
    advice: 'Check that the address belongs to an MQTT 3.1.1 broker. The connection was closed.',
  },
  MQTT_SUBSCRIBE_REFUSED: {
    message: 'broker refused the subscription to {filter}',
    advice: 'Allow this client to read the topic in the access rules of the broker.',
  },
  MQTT_TOPIC_INVALID: {
    message: 'topic {topic} is invalid: {problem}',
    advice:
      'A topic has 1 to 65535 bytes and no wildcard; in a filter "+" fills a level and "#" is the last level.',
  },
  MQTT_QUEUE_FULL: {
    message: 'message for {topic} was dropped: {queued} messages wait for the broker',
    advice: 'The broker is away or too slow; the oldest messages give way.',
  },
  MQTT_TIMEOUT: {
    message: 'message for {topic} was dropped after waiting {waitedMs} ms for the broker',
    advice: 'The broker was away for too long; state is read again by twin/get after the reconnect.',
  },
});
