export * from './user-mode-linux.ts';
