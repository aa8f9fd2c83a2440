import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRouteMatcher } from './route-table.ts';

const pods = { methods: ['GET'], path: '/pods' };
const logs = { methods: ['GET'], path: '/logs/:namespace/:pod' };
const run = { methods: ['POST'], path: '/run/:namespace/:pod' };
const match = createRouteMatcher([pods, logs, run]);

test('a route is found by method and path, its parameters decoded; a slash at the end changes nothing', () => {
  assert.deepEqual(match('GET', '/pods'), { route: pods, params: {} });
  assert.deepEqual(match('GET', '/pods/'), { route: pods, params: {} });
  assert.deepEqual(match('GET', '/logs/ns/a%20b'), { route: logs, params: { namespace: 'ns', pod: 'a b' } });
});

test('what is not in the table is 404, another method 405 with those that are, a broken encoding 400', () => {
  for (const path of [
    '/',
    '',
    '/pod',
    '/pods/x',
    '/logs/ns',
    '/logs//pod',
    '/logs/ns/pod/c',
    `/${'x/'.repeat(99)}`,
  ])
    assert.deepEqual(match('GET', path), { status: 404 }, path);
  assert.deepEqual(match('GET', '/run/ns/pod'), { status: 405, allow: ['POST'] });
  assert.deepEqual(match('GET', '/logs/ns/%E0%A4%A'), { status: 400 });
});

test('an encoded slash is part of its segment', () => {
  assert.deepEqual(match('GET', '/logs/a%2Fb/c'), { route: logs, params: { namespace: 'a/b', pod: 'c' } });
});
