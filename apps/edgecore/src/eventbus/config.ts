import { readFile } from 'node:fs/promises';
import type { TlsFiles } from '@kubeedge-ts/mqtt';

/** `modules.eventBus` of edgecore.yaml (spec/mqtt-and-devicetwin.md §1). */
export interface EventBusConfig {
  /** 0: embedded broker, 1: both, 2: external broker. */
  readonly mqttMode: number;
  readonly mqttServerInternal: string;
  readonly mqttServerExternal: string;
  /** QoS and retain flag of what edgecore publishes on the embedded broker. */
  readonly mqttQOS: number;
  readonly mqttRetain: boolean;
  /** Messages the embedded broker keeps per session. */
  readonly mqttSessionQueueSize: number;
  /** Empty: `hub-client-sub-<node>`, stable because the broker keeps its session. */
  readonly mqttSubClientID: string;
  /** Empty: `hub-client-pub-<seconds>`. */
  readonly mqttPubClientID: string;
  readonly mqttUsername: string;
  readonly mqttPassword: string;
  readonly eventBusTLS: {
    readonly enable: boolean;
    readonly tlsMqttCAFile: string;
    readonly tlsMqttCertFile: string;
    readonly tlsMqttPrivateKeyFile: string;
  };
}

/** The TLS files named in the config; undefined when TLS is not set up there. Rejects when one cannot be read. */
export async function readTlsFiles({ eventBusTLS }: EventBusConfig): Promise<TlsFiles | undefined> {
  if (!eventBusTLS.enable) return undefined;
  const [ca, cert, key] = await Promise.all([
    readFile(eventBusTLS.tlsMqttCAFile),
    readFile(eventBusTLS.tlsMqttCertFile),
    readFile(eventBusTLS.tlsMqttPrivateKeyFile),
  ]);
  return { ca, cert, key };
}
