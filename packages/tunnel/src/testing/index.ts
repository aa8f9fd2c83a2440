export {
  type RecordedFrame,
  type RecordedTunnel,
  readRecordedTunnel,
  type Said,
  saidOf,
} from './recording.ts';
export { createTunnelBench, type TunnelBench, testCredentials } from './tunnels.ts';
export {
  dialAsUpstreamEdge,
  listenAsUpstreamCloud,
  type ScriptedEnd,
  type UpstreamCloud,
} from './upstream.ts';
