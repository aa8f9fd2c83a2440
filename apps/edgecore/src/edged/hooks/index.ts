export { createHooks, type Hooks, type HooksOptions } from './hooks.ts';
export type { HookTarget } from './run-hook.ts';
