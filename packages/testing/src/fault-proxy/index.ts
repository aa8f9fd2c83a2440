export {
  type FaultProxy,
  type FaultProxyOptions,
  type Faults,
  startFaultProxy,
  type Target,
} from './fault-proxy.ts';
export { seeded } from './random.ts';
