import * as z from 'zod/mini';
import { tailoredKubeletConfig } from './edgecore-kubelet.ts';
import { bool, flags, int, maybe, port, section, text, textMap, texts } from './fields.ts';

/** Host-dependent defaults. */
export interface EdgeCoreDefaults {
  readonly hostname: string;
}

const CA = '/etc/kubeedge/ca/rootCA.crt';
const CERT = '/etc/kubeedge/certs/server.crt';
const KEY = '/etc/kubeedge/certs/server.key';

const link = (enable: boolean, server: string) =>
  section({
    enable: bool(enable),
    handshakeTimeout: int(30, 1),
    readDeadline: int(15, 0),
    server: text(server),
    writeDeadline: int(15, 1),
  });

/** edgecore.yaml, `edgecore.config.kubeedge.io/v1alpha2` (spec/keadm-and-config.md §4.1). */
export function edgeCoreSchema(defaults: EdgeCoreDefaults) {
  return z.strictObject({
    apiVersion: text('edgecore.config.kubeedge.io/v1alpha2'),
    kind: text('EdgeCore'),
    database: section({
      driverName: text('sqlite3'),
      aliasName: text('default'),
      dataSource: text('/var/lib/kubeedge/edgecore.db'),
    }),
    edgecoreVersion: text(''),
    featureGates: flags,
    modules: section({
      edged: section({
        enable: bool(true),
        hostnameOverride: text(defaults.hostname),
        nodeIP: text(''),
        rootDirectory: text('/var/lib/kubelet'),
        nodeLabels: textMap,
        registerSchedulable: bool(true),
        registerNodeNamespace: text('default'),
        reportEvent: bool(false),
        customInterfaceName: text(''),
        podSandboxImage: text('kubeedge/pause:3.6'),
        minimumGCAge: text('0s'),
        maxPerPodContainerCount: int(1),
        maxContainerCount: int(-1),
        runtimeCgroups: text(''),
        seccompDefault: bool(false),
        experimentalMounterPath: text(''),
        experimentalNodeAllocatableIgnoreEvictionThreshold: bool(false),
        windowsService: bool(false),
        windowsPriorityClass: text(''),
        tailoredKubeletConfig,
        // v1alpha2 files of 1.12 to 1.16 name the runtime here
        containerRuntime: maybe(z.string()),
        remoteRuntimeEndpoint: maybe(z.string()),
        remoteImageEndpoint: maybe(z.string()),
        networkPluginName: maybe(z.string()),
        cniConfDir: maybe(z.string()),
        cniBinDir: maybe(z.string()),
        cniCacheDirs: maybe(z.string()),
        networkPluginMTU: maybe(z.int()),
        keepTerminatedPodVolumes: maybe(z.boolean()),
        masterServiceNamespace: maybe(z.string()),
        registerNode: maybe(z.boolean()),
      }),
      edgeHub: section({
        enable: bool(true),
        heartbeat: int(15, 1),
        messageQPS: int(30, 0),
        messageBurst: int(60, 0),
        projectID: text('e632aba927ea4ac2b575ec1603d56f10'),
        tlsCaFile: text(CA),
        tlsCertFile: text(CERT),
        tlsPrivateKeyFile: text(KEY),
        quic: link(false, '127.0.0.1:10001'),
        websocket: link(true, '127.0.0.1:10000'),
        token: text(''),
        httpServer: text('https://127.0.0.1:10002'),
        rotateCertificates: bool(true),
      }),
      eventBus: section({
        enable: bool(true),
        mqttQOS: int(0, 0, 2),
        mqttRetain: bool(false),
        mqttSessionQueueSize: int(100, 1),
        mqttServerInternal: text('tcp://127.0.0.1:1884'),
        mqttServerExternal: text('tcp://127.0.0.1:1883'),
        mqttSubClientID: text(''),
        mqttPubClientID: text(''),
        mqttUsername: text(''),
        mqttPassword: text(''),
        mqttMode: int(2, 0, 2),
        eventBusTLS: section({
          enable: bool(false),
          tlsMqttCAFile: text(CA),
          tlsMqttCertFile: text(CERT),
          tlsMqttPrivateKeyFile: text(KEY),
        }),
        tls: maybe(z.looseObject({})),
      }),
      metaManager: section({
        enable: bool(true),
        contextSendGroup: text('hub'),
        contextSendModule: text('websocket'),
        remoteQueryTimeout: int(60, 1),
        podStatusSyncInterval: maybe(z.int()),
        metaServer: section({
          enable: bool(false),
          debug: maybe(z.boolean()),
          server: text('127.0.0.1:10550'),
          dummyServer: text('169.254.30.10:10550'),
          scheme: maybe(z.string()),
          tlsCaFile: text('/etc/kubeedge/pki/metaserver/ca.crt'),
          tlsCertFile: text('/etc/kubeedge/pki/metaserver/metaserver-current.pem'),
          tlsPrivateKeyFile: text('/etc/kubeedge/pki/metaserver/metaserver-current.pem'),
          tlsCertDir: maybe(z.string()),
          serviceAccountIssuers: texts(['https://kubernetes.default.svc.cluster.local']),
          apiAudiences: texts([]),
          serviceAccountKeyFiles: texts([]),
        }),
      }),
      serviceBus: section({
        enable: bool(false),
        server: text('127.0.0.1'),
        port: port(9060),
        timeout: int(60, 0),
        tlsCertFile: text(''),
        tlsPrivateKeyFile: text(''),
      }),
      deviceTwin: section({ enable: bool(true), dmiSockPath: text('/etc/kubeedge/') }),
      dbTest: section({ enable: bool(false) }),
      edgeStream: section({
        enable: bool(false),
        tlsTunnelCAFile: text(CA),
        tlsTunnelCertFile: text(CERT),
        tlsTunnelPrivateKeyFile: text(KEY),
        handshakeTimeout: int(30, 1),
        readDeadline: int(15, 0),
        server: text('127.0.0.1:10004'),
        writeDeadline: int(15, 1),
      }),
      taskManager: section({ enable: bool(false) }),
    }),
  });
}

export type EdgeCoreConfig = z.infer<ReturnType<typeof edgeCoreSchema>>;

const KUBELET = 'modules.edged.tailoredKubeletConfig';

/** Fields this version acts on; any other one that is set to something else than its default gets a warning. */
export const EDGECORE_USED = [
  'apiVersion',
  'kind',
  'edgecoreVersion',
  'database',
  'modules.edged.enable',
  'modules.edged.hostnameOverride',
  'modules.edged.nodeIP',
  'modules.edged.rootDirectory',
  'modules.edged.nodeLabels',
  'modules.edged.registerSchedulable',
  'modules.edged.registerNodeNamespace',
  'modules.edged.podSandboxImage',
  `${KUBELET}.podLogsDir`,
  `${KUBELET}.address`,
  `${KUBELET}.readOnlyPort`,
  `${KUBELET}.clusterDomain`,
  `${KUBELET}.clusterDNS`,
  `${KUBELET}.nodeStatusUpdateFrequency`,
  `${KUBELET}.nodeStatusReportFrequency`,
  `${KUBELET}.nodeLeaseDurationSeconds`,
  `${KUBELET}.cgroupDriver`,
  `${KUBELET}.cgroupRoot`,
  `${KUBELET}.cgroupsPerQOS`,
  `${KUBELET}.maxPods`,
  `${KUBELET}.resolvConf`,
  `${KUBELET}.systemReserved`,
  `${KUBELET}.kubeReserved`,
  `${KUBELET}.evictionHard`,
  `${KUBELET}.registerWithTaints`,
  `${KUBELET}.containerRuntimeEndpoint`,
  `${KUBELET}.imageServiceEndpoint`,
  `${KUBELET}.contentType`,
  'modules.edgeHub.enable',
  'modules.edgeHub.heartbeat',
  'modules.edgeHub.messageQPS',
  'modules.edgeHub.messageBurst',
  'modules.edgeHub.projectID',
  'modules.edgeHub.tlsCaFile',
  'modules.edgeHub.tlsCertFile',
  'modules.edgeHub.tlsPrivateKeyFile',
  'modules.edgeHub.websocket',
  'modules.edgeHub.token',
  'modules.edgeHub.httpServer',
  'modules.edgeHub.rotateCertificates',
  'modules.eventBus',
  'modules.metaManager.enable',
  'modules.metaManager.contextSendGroup',
  'modules.metaManager.contextSendModule',
  'modules.metaManager.remoteQueryTimeout',
  'modules.deviceTwin.enable',
] as const;
