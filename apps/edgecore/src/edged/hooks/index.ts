export { createHooks, type Hooks, type HooksOptions } from './hooks.ts';
