import assert from 'node:assert/strict';
import { it } from 'node:test';

it('the light entry point does not load @peculiar/x509', async () => {
  const light = await import('./light.ts');
  assert.equal(typeof light.parseJoinToken, 'function');
  // The polyfill that @peculiar/x509 needs would be there.
  assert.equal('getMetadata' in Reflect, false);
});
