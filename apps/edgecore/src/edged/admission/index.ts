export { type AdmissionNode, admit, type Pressure, type Refusal } from './admit.ts';
export { CRITICAL_PRIORITY, isCritical, priorityOf } from './critical.ts';
export { matchesSelector, type NamedNode } from './node-affinity.ts';
