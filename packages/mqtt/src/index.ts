export { type ClientOptions, createMqttClient, type MqttClient } from './client.ts';
export {
  type ConnectionOptions,
  connectMqtt,
  type IncomingMessage,
  type MqttConnection,
  type PublishDone,
  type TlsFiles,
} from './connection.ts';
export { checkFilter, checkTopic, topicMatches } from './topic.ts';
