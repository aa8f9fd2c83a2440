/** What the edge needs all the time: no @peculiar/x509, which costs 19 MB (LIBRARIES). */
export * from './certificate-info.ts';
export * from './keys.ts';
export * from './pem.ts';
export * from './token.ts';
