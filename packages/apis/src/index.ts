export * from './json.ts';
export * from './kubernetes/meta.ts';
export * from './kubernetes/resources.ts';
export * from './messages/index.ts';
