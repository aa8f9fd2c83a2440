import { type Site, startSite } from '@kubeedge-ts/testing/site';

export const NODE_NAME = 'bench-edge';

/** A site in the run's own directory and cgroup (bench/run.mjs). */
export function benchSite(): Promise<Site> {
  return startSite({
    root: process.env['KUBEEDGE_TS_ROOT'] ?? process.cwd(),
    dir: process.env['KUBEEDGE_TS_RUN_DIR'] ?? '',
    cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
    nodeName: NODE_NAME,
  });
}

/** A Deployment that starts at once and stops at once, with a ConfigMap as a volume. */
export function deployment(name: string, replicas: number): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          nodeSelector: { 'node-role.kubernetes.io/edge': '' },
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'docker.io/library/busybox:1', command: ['sleep', '1000000'] }],
        },
      },
    },
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
