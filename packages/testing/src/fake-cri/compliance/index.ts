import { after, before, describe } from 'node:test';
import { containerPromises } from './containers.ts';
import { execPromises } from './exec.ts';
import { imagePromises } from './images.ts';
import { logPromises } from './logs.ts';
import { runtimePromises } from './runtime.ts';
import { sandboxPromises } from './sandboxes.ts';
import { statsPromises } from './stats.ts';
import { streamingPromises } from './streaming.ts';
import { type CriUnderTest, createSubject } from './subject.ts';

export type { CriUnderTest, Difference } from './subject.ts';

/**
 * What edged relies on in a container runtime, run against the fake one in each of its personalities and against real
 * ones. Where they may differ, `differs` says so.
 */
export function criCompliance(name: string, start: () => Promise<CriUnderTest>): void {
  describe(`${name} is a container runtime as edged needs it`, { timeout: 180_000 }, () => {
    let cri: CriUnderTest | undefined;
    before(async () => {
      cri = await start();
    });
    after(() => cri?.stop());
    const subject = createSubject(() => cri as CriUnderTest);

    runtimePromises(subject);
    imagePromises(subject);
    sandboxPromises(subject);
    containerPromises(subject);
    logPromises(subject);
    execPromises(subject);
    statsPromises(subject);
    streamingPromises(subject);
  });
}
