export type { EventBusConfig } from './config.ts';
export { createEventBus, type EventBus, type EventBusOptions } from './eventbus.ts';
