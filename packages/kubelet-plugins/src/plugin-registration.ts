import { createCodec, createGrpcClient, type GrpcClient, unixTarget } from '@kubeedge-ts/grpc';
import type { Clock } from '@kubeedge-ts/runtime';
import { REGISTRATION_METHODS, type RegistrationMethods, TABLES } from './generated/plugin-registration.ts';

export {
  type PluginInfo,
  REGISTRATION_METHODS,
  type RegistrationMethods,
  type RegistrationStatus,
  TABLES,
} from './generated/plugin-registration.ts';

/** `PluginInfo.type` (spec/kubelet-plugin-fields.md, "Constants"). */
export const PluginType = { csi: 'CSIPlugin', device: 'DevicePlugin', dra: 'DRAPlugin' } as const;

/** What a plugin's socket in `plugins_registry` answers: who it is, and a word on whether it was taken. */
export type PluginRegistrationClient = GrpcClient<RegistrationMethods>;

const GET_INFO_MS = 1_000;
const NOTIFY_MS = 5_000;

/**
 * Deadlines are the kubelet's: 1 s for `getInfo`, 5 s for `notifyRegistrationStatus`.
 *
 * @throws KubeEdgeError GRPC_ENDPOINT_INVALID
 */
export function createPluginRegistrationClient(
  endpoint: string,
  { clock }: { readonly clock: Clock },
): PluginRegistrationClient {
  return createGrpcClient<RegistrationMethods>({
    target: unixTarget(endpoint),
    clock,
    methods: REGISTRATION_METHODS,
    codec: createCodec(TABLES),
    deadlineOf: (method) => (method === 'GetInfo' ? GET_INFO_MS : NOTIFY_MS),
  });
}
