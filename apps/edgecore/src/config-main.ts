// The configuration child of edgecore: command line, help and configuration; ends as soon as all is checked.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { defaultConfigYaml, edgeCoreSchema, parseEdgeCoreConfig } from '@kubeedge-ts/apis/config';
import { runConfigProgram } from '@kubeedge-ts/runtime/cli';
import { ORDER_FD, type StartOrder } from './config-child.ts';

const defaults = { hostname: hostname().toLowerCase() };

runConfigProgram(
  {
    name: 'edgecore',
    description:
      'The edge agent of KubeEdge: runs pods, keeps them running without the cloud, and manages devices.',
    defaultConfigFile: '/etc/kubeedge/config/edgecore.yaml',
    parse: (text, file) => parseEdgeCoreConfig(text, file, defaults),
    defaultConfig: () => defaultConfigYaml(edgeCoreSchema(defaults)),
    minConfig: () => `apiVersion: edgecore.config.kubeedge.io/v1alpha2
kind: EdgeCore
modules:
  edgeHub:
    httpServer: https://CLOUDCORE:10002
    token: ""
    websocket:
      enable: true
      server: CLOUDCORE:10000
  edged:
    hostnameOverride: ${defaults.hostname}
    tailoredKubeletConfig:
      containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
`,
    run: async (config, _log, configFile, logLevel) => {
      const order: StartOrder = { config, configFile, logLevel };
      writeFileSync(ORDER_FD, JSON.stringify(order));
      return 0;
    },
  },
  process.argv.slice(2),
).then((code) => process.exit(code));
