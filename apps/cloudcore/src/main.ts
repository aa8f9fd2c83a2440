// cloudcore: the boot script.
import { networkInterfaces } from 'node:os';
import { cloudCoreSchema, defaultConfigYaml, parseCloudCoreConfig } from '@kubeedge-ts/apis/config';
import { runConfigProgram } from '@kubeedge-ts/runtime/cli';
import { runCloudCore } from './program.ts';

/** The first address another machine could dial; loopback on a machine without one. */
function firstAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

const defaults = { advertiseAddress: firstAddress() };

runConfigProgram(
  {
    name: 'cloudcore',
    description: 'The cloud side of KubeEdge: connects edge nodes and their devices to a Kubernetes cluster.',
    defaultConfigFile: '/etc/kubeedge/config/cloudcore.yaml',
    parse: (text, file) => parseCloudCoreConfig(text, file, defaults),
    defaultConfig: () => defaultConfigYaml(cloudCoreSchema(defaults)),
    minConfig: () => `apiVersion: cloudcore.config.kubeedge.io/v1alpha1
kind: CloudCore
kubeAPIConfig:
  kubeConfig: /root/.kube/config
modules:
  cloudHub:
    advertiseAddress:
      - ${defaults.advertiseAddress}
    nodeLimit: 1000
    https:
      enable: true
      address: 0.0.0.0
      port: 10002
    websocket:
      enable: true
      address: 0.0.0.0
      port: 10000
`,
    run: runCloudCore,
  },
  process.argv.slice(2),
).then((code) => process.exit(code));
