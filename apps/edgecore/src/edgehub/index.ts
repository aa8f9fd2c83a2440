export { createEdgeHub, type EdgeHub, type EdgeHubConfig, type EdgeHubOptions } from './edge-hub.ts';
export { createEnrolProcess, type Enrol } from './enrol-process.ts';
export { createIdentity, type Identity, type IdentityOptions } from './identity.ts';
export type { IdentityFiles } from './identity-files.ts';
export { BOOTSTRAP_FILE, tokenSource } from './token-source.ts';
