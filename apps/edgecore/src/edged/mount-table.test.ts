import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAtOrBelow, mountOf, parseMountTable } from './mount-table.ts';

const TABLE = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /run rw - tmpfs tmpfs rw,size=10k
31 22 254:0 /srv/data /mnt/a\\040b rw shared:1 master:3 - ext4 /dev/root rw
32 22 0:40 / /mnt rw - tmpfs first rw
33 22 0:41 / /mnt rw propagate_from:2 - tmpfs second rw
not a line
`;

test('a mount table is read with its bind roots, escapes and propagation', () => {
  const table = parseMountTable(TABLE);
  assert.equal(table.length, 5);
  assert.deepEqual(table[2], {
    path: '/mnt/a b',
    device: '254:0',
    root: '/srv/data',
    type: 'ext4',
    source: '/dev/root',
    shared: true,
  });
  assert.deepEqual(
    table.map(({ shared }) => shared),
    [true, false, true, false, false],
  );
});

test('a path lies in the deepest mount above it, the newest of those at one place', () => {
  const table = parseMountTable(TABLE);
  assert.equal(mountOf(table, '/run/x')?.source, 'tmpfs');
  assert.equal(mountOf(table, '/runner')?.path, '/');
  assert.equal(mountOf(table, '/mnt/c')?.source, 'second');
  assert.equal(mountOf([], '/x'), undefined);
});

test('at or below is about whole path elements', () => {
  assert.ok(isAtOrBelow('/a/b', '/a') && isAtOrBelow('/a', '/a') && isAtOrBelow('/a', '/'));
  assert.ok(!isAtOrBelow('/ab', '/a'));
});
