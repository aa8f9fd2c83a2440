export * from './capabilities.ts';
export * from './inventory.ts';
export * from './message.ts';
export * from './names.ts';
export * from './payloads.ts';
export * from './resource.ts';
export * from './routes.ts';
