export { transportCompliance } from './compliance.ts';
export { createCredentials, type TestCredentials } from './credentials.ts';
export { collect, type FaultyLink, type TransportUnderTest, until } from './harness.ts';
export { createTcpLink } from './tcp-link.ts';
