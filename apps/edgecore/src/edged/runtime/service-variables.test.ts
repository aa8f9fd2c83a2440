import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Service } from '@kubeedge-ts/apis';
import { servicesFor, serviceVariables } from './service-variables.ts';

type Spec = NonNullable<Service['spec']>;
const service = (name: string, spec: Spec, namespace = 'default'): Service => ({
  metadata: { name, namespace },
  spec,
});
const kubernetes = service('kubernetes', { clusterIP: '10.0.0.1', ports: [{ name: 'https', port: 443 }] });
const of = (...services: Service[]) => Object.fromEntries(serviceVariables(services));

describe('variables of services', () => {
  test("are Docker's links: host, first port by its old name, named ports, and each port in full", () => {
    const db = service('my-db', {
      clusterIP: '10.0.0.7',
      ports: [
        { name: 'sql-main', port: 5432 },
        { name: 'probe', port: 53, protocol: 'UDP' },
      ],
    });
    assert.deepEqual(of(db), {
      MY_DB_SERVICE_HOST: '10.0.0.7',
      MY_DB_SERVICE_PORT: '5432',
      MY_DB_SERVICE_PORT_SQL_MAIN: '5432',
      MY_DB_SERVICE_PORT_PROBE: '53',
      MY_DB_PORT: 'tcp://10.0.0.7:5432',
      MY_DB_PORT_5432_TCP: 'tcp://10.0.0.7:5432',
      MY_DB_PORT_5432_TCP_PROTO: 'tcp',
      MY_DB_PORT_5432_TCP_PORT: '5432',
      MY_DB_PORT_5432_TCP_ADDR: '10.0.0.7',
      MY_DB_PORT_53_UDP: 'udp://10.0.0.7:53',
      MY_DB_PORT_53_UDP_PROTO: 'udp',
      MY_DB_PORT_53_UDP_PORT: '53',
      MY_DB_PORT_53_UDP_ADDR: '10.0.0.7',
    });
  });
  test('an IPv6 address stands in brackets before a port only', () => {
    const six = of(service('six', { clusterIP: 'fd00::7', ports: [{ port: 80 }] }));
    assert.equal(six['SIX_SERVICE_HOST'], 'fd00::7');
    assert.equal(six['SIX_PORT'], 'tcp://[fd00::7]:80');
    assert.equal(six['SIX_PORT_80_TCP_ADDR'], 'fd00::7');
  });
  test('services without an address or a port have none', () => {
    const headless = service('a', { clusterIP: 'None', ports: [{ port: 80 }] });
    const external = service('b', { type: 'ExternalName', externalName: 'x' });
    const portless = service('c', { clusterIP: '10.0.0.9' });
    assert.deepEqual(of(headless, external, portless, { metadata: { name: 'd' } }), {});
  });
});

describe('which services a container learns of', () => {
  const db = service('db', {}, 'site');
  const web = service('web', {});
  test('those of its namespace, and the cluster’s API wherever it is', () => {
    assert.deepEqual(servicesFor('site', true, [db], [kubernetes, web]), [kubernetes, db]);
    assert.deepEqual(servicesFor('default', true, [kubernetes, web], [kubernetes, web]), [kubernetes, web]);
  });
  test('with enableServiceLinks: false the API only', () => {
    assert.deepEqual(servicesFor('site', false, [db], [kubernetes, web]), [kubernetes]);
    assert.deepEqual(servicesFor('default', false, [kubernetes, web], [kubernetes, web]), [kubernetes]);
  });
  test('none under an upstream cloud, which tells of no services', () => {
    assert.deepEqual(servicesFor('site', true, [], []), []);
  });
});
