export * from './bus.ts';
export * from './mailbox.ts';
export * from './program.ts';
