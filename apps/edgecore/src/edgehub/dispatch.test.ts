import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { destinationOf } from './dispatch.ts';

describe('destinationOf (message-protocol §2.3)', () => {
  const rows: readonly [group: string, source: string, parent: string, expected: string][] = [
    ['resource', 'edgecontroller', '', 'metamanager'],
    ['resource', 'edgecontroller', 'p', 'answer'],
    ['func', 'x', '', 'metamanager'],
    ['twin', 'devicecontroller', '', 'twin'],
    ['twin', 'devicecontroller', 'p', 'twin'],
    ['user', 'router_eventbus', '', 'eventbus'],
    ['user', 'router_servicebus', '', 'servicebus'],
    ['user', 'router_eventbus', 'p', 'answer'],
    ['user', 'someone', '', 'none'],
    ['taskmanager', 'taskmanager', '', 'taskmanager'],
    ['', '', '', 'none'],
    ['hub', 'x', '', 'none'],
  ];
  for (const [group, source, parent, expected] of rows) {
    test(`group "${group}" from ${source}${parent ? ' with a parent' : ''} goes to ${expected}`, () => {
      const destination = destinationOf({
        header: { msg_id: 'm', timestamp: 1, parent_msg_id: parent },
        route: { group, source },
        content: null,
      });
      assert.equal(destination.kind === 'module' ? destination.module : destination.kind, expected);
    });
  }
});
