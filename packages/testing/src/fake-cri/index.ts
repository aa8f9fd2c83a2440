export type { ExecResult, FakeSettings } from './backend.ts';
export { type CriUnderTest, criCompliance, type Difference } from './compliance/index.ts';
export { type FakeCri, type FakeCriOptions, type MethodName, startFakeCri } from './fake-cri.ts';
export type { FakeContainer, FakeSandbox } from './fake-runtime.ts';
export type { FakeImageOptions } from './images.ts';
export type { PersonalityName } from './personality.ts';
export type { FakeSandboxUsage, FakeUsage } from './stats.ts';
