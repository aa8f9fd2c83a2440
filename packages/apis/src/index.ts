export * from './content-hash.ts';
export * from './devices/index.ts';
export * from './json.ts';
export * from './kubernetes/meta.ts';
export * from './kubernetes/resources.ts';
export * from './messages/index.ts';
export * from './reliablesyncs/index.ts';
export * from './schema/index.ts';
