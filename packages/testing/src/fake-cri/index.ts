export { type CriUnderTest, criCompliance } from './compliance.ts';
export { type FakeCri, type MethodName, startFakeCri } from './fake-cri.ts';
export type { FakeContainer, FakeSandbox } from './fake-runtime.ts';
