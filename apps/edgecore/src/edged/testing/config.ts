import type { EdgedConfig } from '../config.ts';

/** Upstream's defaults, for node `edge-a`. */
export function edgedConfig(fields: Partial<EdgedConfig> & Pick<EdgedConfig, 'rootDir'>): EdgedConfig {
  return {
    nodeName: 'edge-a',
    nodeIP: '',
    podLogsDir: `${fields.rootDir}-logs`,
    nodeLabels: {},
    registerNode: true,
    registerSchedulable: true,
    reportEvents: true,
    taints: [],
    controllerAttachDetach: true,
    readOnlyPort: 10_350,
    maxPods: 110,
    podsPerCore: 0,
    systemReserved: {},
    kubeReserved: {},
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '10%',
      'nodefs.inodesFree': '5%',
      'imagefs.available': '15%',
      'imagefs.inodesFree': '5%',
    },
    clusterDNS: [],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/resolv.conf',
    cgroupsPerQOS: true,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: '',
    cpuCfsQuota: true,
    seccompDefault: false,
    allowedSysctls: [],
    statusIntervalMs: 10_000,
    statusReportMs: 300_000,
    leaseSeconds: 40,
    ...fields,
  };
}
