import { describe } from 'node:test';
import { closingPromises } from './compliance-closing.ts';
import { flowPromises } from './compliance-flow.ts';
import { identityPromises } from './compliance-identity.ts';
import type { TransportUnderTest } from './harness.ts';

/**
 * What every transport of the cloud-edge link promises. Call it from a test file:
 * `transportCompliance('WebSocket', createSubject)`; `create` is called once.
 */
export function transportCompliance(name: string, create: () => Promise<TransportUnderTest>): void {
  describe(`${name} transport`, () => {
    let subject: Promise<TransportUnderTest> | undefined;
    const once = (): Promise<TransportUnderTest> => {
      subject ??= create();
      return subject;
    };
    flowPromises(once);
    closingPromises(once);
    identityPromises(once);
  });
}
