import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import type { CriClient } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { grpcHealthCheck } from '@kubeedge-ts/kubelet-plugins/health';
import { createPluginRegistrationClient, PluginType } from '@kubeedge-ts/kubelet-plugins/plugin-registration';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { EdgedSink, MetaClient } from '../metamanager/meta-client.ts';
import { createAdmitPod } from './admit-pod.ts';
import type { EdgedConfig } from './config.ts';
import { createEvents, silentEvents } from './events.ts';
import { createHooks } from './hooks/index.ts';
import type { Host } from './host.ts';
import { NO_DEVICES } from './node/capacity.ts';
import { createNodeLease } from './node/lease.ts';
import { createNodeAgent } from './node/node-agent.ts';
import { type Logind, systemLogind } from './node/shutdown/logind.ts';
import { createNodeShutdown } from './node/shutdown/node-shutdown.ts';
import { shutdownPeriods } from './node/shutdown/shutdown-groups.ts';
import { createUpkeep } from './node/upkeep.ts';
import { createPleg } from './pleg.ts';

          volumes.run(signal),
          plugins.run(signal),
