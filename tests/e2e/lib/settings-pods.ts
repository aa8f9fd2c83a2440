import type { Container, Pod, PodSpec } from '@kubeedge-ts/apis';
import { container, pod } from '../../../apps/edgecore/src/edged/testing/pods.ts';

/** An image whose own user is not root. */
export const APP_IMAGE = 'kubeedge-ts.local/app:1';
/** A seccomp profile of the node, by name and content. */
export const NO_DIRECTORIES = {
  name: 'no-directories.json',
  text: JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  }),
};

const main = (fields: Partial<Container> = {}): Partial<PodSpec> => ({
  containers: [container('main', fields)],
});
/** With a security context of its one container, and of the pod. */
const secured = (
  securityContext: NonNullable<Container['securityContext']>,
  outer: NonNullable<PodSpec['securityContext']> = {},
): Partial<PodSpec> => ({ ...main({ securityContext }), securityContext: outer });

/** A pod for every setting, by name. `gateway`: an address of the node in the pods' network. */
export function settingsPods(gateway: string): Map<string, Pod> {
  const pods = new Map<string, Pod>();
  const add = (name: string, spec: Partial<PodSpec> = {}): void => {
    pods.set(name, pod(name, { terminationGracePeriodSeconds: 2, ...spec }));
  };

  // Users and groups.
  add(
    'groups',
    secured(
      { runAsUser: 1001 },
      { runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000, supplementalGroups: [4000] },
    ),
  );
  add('group-only', secured({}, { runAsGroup: 2000 }));
  add('image-user', {
    containers: [container('main', { image: APP_IMAGE, command: ['sleep', '1000'] })],
    securityContext: { runAsNonRoot: true },
  });
  add('root-refused', secured({ runAsNonRoot: true }));
  // What a process may do.
  add('caps', secured({ capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } }));
  add('privileged', secured({ privileged: true }));
  add('read-only', {
    containers: [
      container('main', {
        securityContext: { readOnlyRootFilesystem: true },
        volumeMounts: [{ name: 'w', mountPath: '/w' }],
      }),
    ],
    volumes: [{ name: 'w', emptyDir: {} }],
  });
  add('no-new-privs', secured({ allowPrivilegeEscalation: false }));
  add('seccomp-default', secured({}, { seccompProfile: { type: 'RuntimeDefault' } }));
  add(
    'seccomp-local',
    secured({ seccompProfile: { type: 'Localhost', localhostProfile: NO_DIRECTORIES.name } }),
  );
  add('unmasked', secured({ procMount: 'Unmasked' }));
  add('plain');
  add('apparmor', secured({ appArmorProfile: { type: 'RuntimeDefault' } }));
  // Sysctls.
  const sysctl = (name: string, value: string) => ({ name, value });
  add('sysctls', {
    securityContext: {
      sysctls: [
        sysctl('net.ipv4.ip_unprivileged_port_start', '80'),
        sysctl('net/core/somaxconn', '1234'),
        sysctl('kernel.shm_rmid_forced', '1'),
      ],
    },
  });
  add('bad-sysctl', { securityContext: { sysctls: [sysctl('kernel.core_pattern', '|/bin/sh')] } });
  // Namespaces.
  add('host-all', { hostNetwork: true, hostPID: true, hostIPC: true });
  add('shared-pids', {
    shareProcessNamespace: true,
    containers: [container('main'), container('other', { command: ['sleep', '4321'] })],
  });
  add('debugged', main({ command: ['sleep', '5432'] }));
  // Names.
  add('web-0', {
    hostname: 'web-0',
    subdomain: 'web',
    hostAliases: [{ ip: '192.0.2.9', hostnames: ['printer', 'fax'] }],
  });
  add('fqdn', { subdomain: 's', setHostnameAsFQDN: true });
  add('dns-none', {
    dnsPolicy: 'None',
    dnsConfig: {
      nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
      searches: ['site.example'],
      options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }],
    },
  });
  add('dns-default', { dnsPolicy: 'Default' });
  // Resources.
  add('burstable', {
    initContainers: [container('side', { restartPolicy: 'Always' })],
    containers: [
      container('main', {
        resources: { requests: { cpu: '100m', memory: '1Gi' }, limits: { memory: '1Gi', cpu: '500m' } },
      }),
    ],
  });
  add('overhead', {
    overhead: { cpu: '100m', memory: '64Mi' },
    ...main({
      resources: { requests: { cpu: '200m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } },
    }),
  });
  add('forking', main({ command: ['sleep', '1000'] }));
  add('sure', main({ resources: { limits: { cpu: '200m', memory: '64Mi' } } }));
  // Environment, ports, files, classes.
  add(
    'env',
    main({
      envFrom: [{ configMapRef: { name: 'app' } }],
      env: [{ name: 'URL', value: 'tcp://$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT_SQL)/$(mode)' }],
    }),
  );
  add('unlinked', { enableServiceLinks: false });
  add(
    'ported',
    main({
      command: ['sh', '-c', 'mkdir /www; echo -n hello > /www/index.html; exec httpd -f -p 80 -h /www'],
      ports: [
        { containerPort: 80, hostPort: 18_580, hostIP: gateway },
        { containerPort: 5353, hostPort: 18_553, protocol: 'UDP', hostIP: gateway },
      ],
    }),
  );
  add('terminal', main({ tty: true, stdin: true, workingDir: '/var/work' }));
  add('classed', { runtimeClassName: 'plain' });
  add('unknown-handler', { runtimeClassName: 'kata' });
  add('unknown-class', { runtimeClassName: 'none' });
  add('never', main({ image: 'docker.io/library/none:1', imagePullPolicy: 'Never' }));
  const once = (command: string, fields: Partial<Container> = {}): Partial<PodSpec> => ({
    restartPolicy: 'Never',
    ...main({ command: ['sh', '-c', command], ...fields }),
  });
  add('last-words', once('yes long | head -c 6000 > /dev/termination-log; exit 3'));
  add(
    'last-lines',
    once('echo starting; echo no paper; exit 4', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
  );
  return pods;
}
