import { cloudMutations } from './cloud.ts';
import { cloudStreamMutations } from './cloudstream.ts';
import { edgeMutations } from './edge.ts';
import { endpointMutations } from './kubelet-endpoint.ts';
import type { Mutation } from './mutation.ts';
import { securityMutations } from './security.ts';
import { tunnelMutations } from './tunnel.ts';

export const MUTATIONS: readonly Mutation[] = [
  ...cloudMutations,
  ...securityMutations,
  ...edgeMutations,
  ...endpointMutations,
  ...cloudStreamMutations,
  ...tunnelMutations,
];
