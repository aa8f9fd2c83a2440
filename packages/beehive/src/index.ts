export * from './bus.ts';
export * from './mailbox.ts';
export * from './program.ts';
export * from './unix-socket.ts';
