import { durationMs, type EdgeCoreConfig } from '@kubeedge-ts/apis/config';
import { createBus, createProgram, type Module, runUntilSignal } from '@kubeedge-ts/beehive';
import { createCriClient } from '@kubeedge-ts/cri';
import { systemClock as clock, type Logger, systemRandom as random } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore } from '@kubeedge-ts/store';
import { createWebSocketTransport } from '@kubeedge-ts/viaduct';
import { rereadConfig } from './config-child.ts';
import { createDeviceTwin, noDeviceMqtt } from './devicetwin/index.ts';
import { addressesOf, createEdged, edgedConfigOf, systemHost } from './edged/index.ts';
import { createEdgeHub, createEnrolProcess, createIdentity, tokenSource } from './edgehub/index.ts';
import {
  createEdgeStream,
  type EdgeStream,
  edgeStreamConfigOf,
  tunnelCredentials,
} from './edgestream/index.ts';
import { createEventBus } from './eventbus/index.ts';
import { createMetaManager } from './metamanager/index.ts';

/** Composes edgecore from its configuration and runs it until a signal; resolves with the exit code. */
export async function runEdgeCore(config: EdgeCoreConfig, log: Logger, configFile: string): Promise<number> {
  const { edgeHub: hub, edged, edgeStream, eventBus, metaManager, deviceTwin } = config.modules;
  const nodeName = edged.hostnameOverride.toLowerCase();
  const kubelet = edged.tailoredKubeletConfig;

  const store = await openStore({
    path: config.database.dataSource,
    migrations: edgeMigrations,
    clock,
    random,
    log,
  });
  const bus = createBus(clock);

  const hubFiles = { ca: hub.tlsCaFile, cert: hub.tlsCertFile, key: hub.tlsPrivateKeyFile };
  const identity = createIdentity({
    nodeName,
    httpServer: hub.httpServer,
    files: hubFiles,
    // read anew: a token put into the file while edgecore waits for one is used
    token: tokenSource(async () => (await rereadConfig(configFile)).modules.edgeHub.token),
    enrol: createEnrolProcess(),
    clock,
    random,
    log: log.child({ module: 'edgehub' }),
  });
  let edgestream: EdgeStream | undefined;
  const edgehub = createEdgeHub({
    config: {
      nodeName,
      projectId: hub.projectID,
      websocketUrl: hub.websocket.server,
      heartbeat: hub.heartbeat,
      rotateCertificates: hub.rotateCertificates,
      storeEpoch: store.epoch,
    },
    transport: createWebSocketTransport({ clock, log }),
    identity,
    bus,
    clock,
    random,
    log: log.child({ module: 'edgehub' }),
    // where the cloud is, its tunnels are
    onConnected: () => edgestream?.poke(),
  });

  const meta = createMetaManager({
    store,
    bus,
    clock,
    random,
    log: log.child({ module: 'metamanager' }),
    remoteQueryTimeoutMs: metaManager.remoteQueryTimeout * 1000,
    proveReceipt: () => edgehub.ping(),
    deliver: (messages) => edgehub.deliver(messages),
    cloudHeaders: () => edgehub.cloudHeaders,
  });

  const mqtt = eventBus.enable
    ? createEventBus({
        bus,
        store,
        config: { ...eventBus, nodeName },
        clock,
        random,
        log: log.child({ module: 'eventbus' }),
      })
    : undefined;

  // receivers before senders: the link to the cloud opens last and closes first
  const modules: Module[] = [meta.module];
  if (deviceTwin.enable) {
    const twinLog = log.child({ module: 'devicetwin' });
    modules.push(
      createDeviceTwin({
        bus,
        store,
        mqtt: mqtt ?? noDeviceMqtt,
        config: { nodeName },
        clock,
        random,
        log: twinLog,
      }),
    );
  }
  if (mqtt !== undefined) modules.push(mqtt);
  if (edged.enable) {
    const edgedConfig = edgedConfigOf(config);
    const {
      module,
      sink,
      kubelet: kubeletApi,
    } = createEdged({
      cri: createCriClient({
        endpoint: kubelet.containerRuntimeEndpoint,
        clock,
        requestTimeoutMs: durationMs(kubelet.runtimeRequestTimeout),
      }),
      meta: meta.client,
      config: edgedConfig,
      clock,
      random,
      log: log.child({ module: 'edged' }),
      host: systemHost,
    });
    meta.setEdged(sink);
    modules.push(module);
    if (edgeStream.enable) {
      const tunnel = edgeStreamConfigOf(config);
      edgestream = createEdgeStream({
        config: tunnel,
        credentials: tunnelCredentials({ files: tunnel.files, hubFiles, identity }),
        internalIp: async () => (await addressesOf(systemHost, edgedConfig))[0] ?? '',
        kubelet: kubeletApi,
        clock,
        random,
        log: log.child({ module: 'edgestream' }),
      });
      modules.push(edgestream);
    }
  }
  if (hub.enable) modules.push(edgehub);

  const code = await runUntilSignal(createProgram(modules, { log, clock }), log);
  await store.close();
  return code;
}
