export * from './authority.ts';
export * from './csr.ts';
export * from './enrol.ts';
export * from './light.ts';
