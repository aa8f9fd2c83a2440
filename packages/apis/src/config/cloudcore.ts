import * as z from 'zod/mini';
import { bool, flags, int, maybe, port, portRange, section, text, texts } from './fields.ts';

/** Host-dependent defaults. */
export interface CloudCoreDefaults {
  readonly advertiseAddress: string;
}

const workers = (names: Record<string, number>) =>
  section(Object.fromEntries(Object.entries(names).map(([name, value]) => [name, int(value, 0)])));

/** cloudcore.yaml of every release from 1.9 to 1.23 (spec/keadm-and-config.md §3). */
export function cloudCoreSchema(defaults: CloudCoreDefaults) {
  const tls = (dir: string, name: string) => text(`/etc/kubeedge/${dir}/${name}`);
  const context = maybe(
    z.strictObject({
      sendModule: maybe(z.string()),
      sendRouterModule: maybe(z.string()),
      receiveModule: maybe(z.string()),
      responseModule: maybe(z.string()),
    }),
  );
  return z.strictObject({
    apiVersion: text('cloudcore.config.kubeedge.io/v1alpha1'),
    kind: text('CloudCore'),
    featureGates: flags,
    commonConfig: section({
      tunnelPort: port(10_350),
      monitorServer: section({ bindAddress: text('127.0.0.1:9091'), enableProfiling: bool(false) }),
    }),
    kubeAPIConfig: section({
      master: text(''),
      contentType: text('application/vnd.kubernetes.protobuf'),
      qps: int(2500, 0),
      burst: int(5000, 0),
      kubeConfig: text(''),
    }),
    modules: section({
      cloudHub: section({
        enable: bool(true),
        keepaliveInterval: int(30, 1),
        nodeLimit: int(500, 1),
        tlsCAFile: tls('ca', 'rootCA.crt'),
        tlsCAKeyFile: tls('ca', 'rootCA.key'),
        tlsCertFile: tls('certs', 'server.crt'),
        tlsPrivateKeyFile: tls('certs', 'server.key'),
        writeTimeout: int(30, 0),
        advertiseAddress: texts([defaults.advertiseAddress]),
        dnsNames: texts(['']),
        edgeCertSigningDuration: int(365, 1),
        tokenRefreshDuration: int(12, 1),
        quic: section({
          enable: bool(false),
          address: text('0.0.0.0'),
          port: port(10_001),
          maxIncomingStreams: int(10_000, 0),
        }),
        unixsocket: section({ enable: bool(true), address: text('unix:///var/lib/kubeedge/kubeedge.sock') }),
        websocket: section({ enable: bool(true), address: text('0.0.0.0'), port: port(10_000) }),
        https: section({ enable: bool(true), address: text('0.0.0.0'), port: port(10_002) }),
        authorization: section({
          enable: bool(false),
          debug: bool(true),
          modes: maybe(z.array(z.strictObject({ node: maybe(z.strictObject({ enable: bool(true) })) }))),
        }),
        /** Ours: certificates with 1.9's shared subject are accepted (DESIGN §11). */
        allowLegacyCertificates: bool(false),
      }),
      edgeController: section({
        enable: bool(true),
        nodeUpdateFrequency: int(10, 1),
        context,
        buffer: workers({
          processEvent: 1024,
          updatePodStatus: 1024,
          updateNodeStatus: 1024,
          queryConfigMap: 1024,
          querySecret: 1024,
          queryService: 1024,
          queryEndpoints: 1024,
          queryPersistentVolume: 1024,
          queryPersistentVolumeClaim: 1024,
          queryVolumeAttachment: 1024,
          createNode: 1024,
          patchNode: 1274,
          queryNode: 1524,
          updateNode: 1024,
          patchPod: 1024,
          deletePod: 1024,
          createLease: 1524,
          queryLease: 1024,
          serviceAccountToken: 1024,
          createPod: 1024,
          certificateSigningRequest: 1024,
          podEvent: 1,
          configMapEvent: 1,
          secretEvent: 1,
          serviceEvent: 1,
          endpointsEvent: 1,
          rulesEvent: 1,
          ruleEndpointsEvent: 1,
        }),
        load: workers({
          processEventWorkers: 4,
          updatePodStatusWorkers: 1,
          updateNodeStatusWorkers: 1,
          queryConfigMapWorkers: 100,
          querySecretWorkers: 100,
          queryServiceWorkers: 4,
          queryEndpointsWorkers: 4,
          queryPersistentVolumeWorkers: 4,
          queryPersistentVolumeClaimWorkers: 4,
          queryVolumeAttachmentWorkers: 4,
          createNodeWorkers: 100,
          patchNodeWorkers: 110,
          queryNodeWorkers: 500,
          updateNodeWorkers: 4,
          patchPodWorkers: 100,
          deletePodWorkers: 100,
          createLeaseWorkers: 500,
          queryLeaseWorkers: 100,
          UpdateRuleStatusWorkers: 4,
          updateRuleStatusWorkers: 4,
          ServiceAccountTokenWorkers: 100,
          serviceAccountTokenWorkers: 100,
          CreatePodWorks: 4,
          createPodWorkers: 4,
          certificateSigningRequestWorkers: 4,
        }),
      }),
      deviceController: section({
        enable: bool(true),
        context,
        buffer: workers({
          updateDeviceTwins: 1024,
          updateDeviceStatus: 1024,
          deviceEvent: 1,
          deviceModelEvent: 1,
          deviceStatusEvent: 0,
        }),
        load: workers({ updateDeviceStatusWorkers: 1 }),
      }),
      taskManager: section({
        enable: bool(false),
        buffer: workers({ taskStatus: 1024, taskEvent: 1 }),
        load: workers({ taskWorkers: 1 }),
      }),
      syncController: section({ enable: bool(true) }),
      dynamicController: section({ enable: bool(false) }),
      cloudStream: section({
        enable: bool(true),
        tlsTunnelCAFile: tls('ca', 'rootCA.crt'),
        tlsTunnelCertFile: tls('certs', 'server.crt'),
        tlsTunnelPrivateKeyFile: tls('certs', 'server.key'),
        tunnelPort: port(10_004),
        tlsStreamCAFile: tls('ca', 'streamCA.crt'),
        tlsStreamCertFile: tls('certs', 'stream.crt'),
        tlsStreamPrivateKeyFile: tls('certs', 'stream.key'),
        streamPort: port(10_003),
        /** Ours: where the API server finds the edge nodes; empty: chosen by cloudcore (docs/kubectl-at-the-edge.md). */
        address: text(''),
        /** Ours: a port per node; empty: streamPort for all of them. */
        nodePorts: portRange('20000-29999'),
      }),
      router: section({
        enable: bool(false),
        address: text('0.0.0.0'),
        port: port(9443),
        restTimeout: int(60, 0),
      }),
      iptablesManager: section({ enable: bool(true), mode: text('internal') }),
    }),
  });
}

export type CloudCoreConfig = z.infer<ReturnType<typeof cloudCoreSchema>>;

/** Fields this version acts on; any other one that is set to something else than its default gets a warning. */
export const CLOUDCORE_USED = [
  'apiVersion',
  'kind',
  'kubeAPIConfig.master',
  'kubeAPIConfig.kubeConfig',
  // accepted without a word: they tune Go worker pools and buffers that do not exist here
  'kubeAPIConfig.contentType',
  'kubeAPIConfig.qps',
  'kubeAPIConfig.burst',
  'modules.edgeController.buffer',
  'modules.edgeController.load',
  'modules.edgeController.context',
  'modules.deviceController.buffer',
  'modules.deviceController.load',
  'modules.deviceController.context',
  'modules.cloudHub.enable',
  'modules.cloudHub.keepaliveInterval',
  'modules.cloudHub.nodeLimit',
  'modules.cloudHub.tlsCAFile',
  'modules.cloudHub.tlsCAKeyFile',
  'modules.cloudHub.tlsCertFile',
  'modules.cloudHub.tlsPrivateKeyFile',
  'modules.cloudHub.advertiseAddress',
  'modules.cloudHub.dnsNames',
  'modules.cloudHub.edgeCertSigningDuration',
  'modules.cloudHub.tokenRefreshDuration',
  'modules.cloudHub.websocket',
  'modules.cloudHub.https',
  'modules.cloudHub.allowLegacyCertificates',
  'modules.edgeController.enable',
  'modules.deviceController.enable',
  'modules.cloudStream',
  'modules.iptablesManager',
] as const;
