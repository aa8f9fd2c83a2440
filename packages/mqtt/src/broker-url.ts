import { isIP } from 'node:net';
import { mqttErrors } from '@kubeedge-ts/errors';

export interface Broker {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The host is an IP address, for which no server name is sent. */
  readonly isAddress: boolean;
}

const SCHEMES: Readonly<Record<string, { tls: boolean; port: number }>> = {
  'tcp:': { tls: false, port: 1883 },
  'mqtt:': { tls: false, port: 1883 },
  'ssl:': { tls: true, port: 8883 },
  'tls:': { tls: true, port: 8883 },
  'mqtts:': { tls: true, port: 8883 },
};

/** @throws KubeEdgeError MQTT_URL_INVALID; the message never shows credentials */
export function parseBrokerUrl(url: string): Broker {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw mqttErrors.create('MQTT_URL_INVALID', { url: 'given', problem: 'not a URL' }, cause);
  }
  const shown = `${parsed.protocol}//${parsed.host}`;
  const scheme = Object.hasOwn(SCHEMES, parsed.protocol) ? SCHEMES[parsed.protocol] : undefined;
  if (scheme === undefined) {
    throw mqttErrors.create('MQTT_URL_INVALID', {
      url: shown,
      problem: `scheme ${parsed.protocol} is none of ${Object.keys(SCHEMES).join(' ')}`,
    });
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw mqttErrors.create('MQTT_URL_INVALID', { url: shown, problem: 'no host' });
  return {
    url: shown,
    host,
    port: parsed.port === '' ? scheme.port : Number(parsed.port),
    tls: scheme.tls,
    isAddress: isIP(host) !== 0,
  };
}
