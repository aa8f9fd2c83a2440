import type { Container, Pod } from '@kubeedge-ts/apis';
import type { ContainerConfig, Init, PodSandboxConfig } from '@kubeedge-ts/cri';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import type { Host } from '../host.ts';
import type { PodAddresses } from '../pod/field-path.ts';
import { everyContainerOf } from '../pod/spec.ts';
import type { PodRuntime } from '../pod/types.ts';
import { type Refusal, refusalOf } from './admission.ts';
import type { CgroupSettings, PodCgroups } from './cgroups.ts';
import { type ContainerParts, containerConfigOf } from './container-config.ts';
import { containerResources, type NodeResources } from './container-resources.ts';
import { NO_RESOLV_CONF, type PodDns, parseResolvConf, podDnsOf } from './dns.ts';
import { environmentOf } from './environment.ts';
import { hostsFileOf } from './hosts-file.ts';
import { identityOf } from './labels.ts';
import { targetIdOf } from './namespaces.ts';
import type { ReadReferenced } from './referenced.ts';
import { runtimeHandlerOf } from './runtime-class.ts';
import type { RuntimeInfo } from './runtime-info.ts';
import { sandboxConfigOf } from './sandbox-config.ts';
import type { SecurityParts } from './security-context.ts';
import { servicesFor, serviceVariables } from './service-variables.ts';
import { type SysctlAllowlist, sysctlAllowlist } from './sysctls.ts';
import { type UserNamespaces, userNamespaceProblem } from './user-namespaces.ts';

/** What of the machine and its runtime the settings of pods depend on, at the moment they are made. */
export interface SettingsView {
  readonly allocatable: Readonly<Record<string, string>>;
  readonly cgroups: CgroupSettings;
  readonly resources: NodeResources;
  readonly thermalPaths: readonly string[];
  readonly kernelVersion: string;
  readonly apparmor: boolean;
  readonly runtime: Pick<RuntimeInfo, 'name' | 'handlers' | 'features'>;
}

export interface PodSettingsOptions {
  readonly config: EdgedConfig;
  readonly host: Pick<Host, 'readText'>;
  readonly meta: Pick<MetaClient, 'getObject' | 'listServices'>;
  readonly cgroups: PodCgroups;
  readonly users: UserNamespaces;
  readonly events: Events;
  /** Address of the edge's Kubernetes API for containers; empty strings without MetaServer. */
  readonly service: { readonly host: string; readonly port: string };
  readonly view: () => SettingsView;
}

export interface SandboxRequest {
  readonly config: Init<PodSandboxConfig>;
  readonly runtimeHandler: string;
}

/** What is decided elsewhere about a container. */
export interface ContainerRequest extends Omit<ContainerParts, 'resources' | 'security' | 'isolation'> {
  /** Groups that the pod's volumes ask for. */
  readonly volumeGroups: readonly number[];
}

/** Turns what a pod's spec says into what the runtime is asked for (spec/edged.md §3.3–§5). */
export interface PodSettings {
  /** Why the pod must not run on this node; undefined when it may. */
  refusal(pod: Pod): Refusal | undefined;
  /** Makes the pod's cgroup and picks its user ids. @throws EDGED_POD_CONFIG */
  prepareSandbox(pod: Pod, attempt: number, volumeGroups: readonly number[]): Promise<SandboxRequest>;
  /** The sandbox as the creation of each container repeats it. @throws EDGED_POD_CONFIG */
  sandboxConfig(pod: Pod, attempt: number): Promise<Init<PodSandboxConfig>>;
  /** @throws EDGED_CONTAINER_CONFIG */
  environment(
    pod: Pod,
    container: Container,
    addresses: PodAddresses,
    read: ReadReferenced,
  ): Promise<ReadonlyMap<string, string>>;
  /** The pod's runtime can make everything below a read-only mount read-only. */
  recursiveReadOnly(pod: Pod): Promise<boolean>;
  /** Content of `/etc/hosts`; undefined while the pod has no address. */
  hostsFile(pod: Pod, podIPs: readonly string[]): Promise<string | undefined>;
  /** @throws EDGED_CONTAINER_CONFIG */
  containerConfig(
    pod: Pod,
    container: Container,
    runtime: PodRuntime,
    request: ContainerRequest,
  ): Promise<Init<ContainerConfig>>;
  /** The pod's cgroup goes, its user ids are free again. */
  release(uid: string): Promise<void>;
}

export function createPodSettings(options: PodSettingsOptions): PodSettings {
  const { config, host, meta, cgroups, users, events, service, view } = options;
  let allowlist: SysctlAllowlist | undefined;

  const dnsOf = async (pod: Pod): Promise<PodDns> => {
    const { clusterDNS, clusterDomain, resolvConf } = config;
    const resolver =
      resolvConf === '' ? NO_RESOLV_CONF : parseResolvConf((await host.readText(resolvConf)) ?? '');
    return podDnsOf(pod, { clusterDNS, clusterDomain, host: resolver });
  };

  const configOf = (pod: Pod, attempt: number, dns: PodDns, security: SecurityParts) =>
    sandboxConfigOf(pod, attempt, {
      podLogsDir: config.podLogsDir,
      cgroupParent: cgroups.parentOf(pod, view().cgroups),
      clusterDomain: config.clusterDomain,
      dns: dns.config,
      resources: view().resources,
      security,
    });

  const usersOf = async (pod: Pod): Promise<Pick<SecurityParts, 'users'>> => {
    const own = await users.of(pod);
    return own === undefined ? {} : { users: own };
  };

  const servicesOf = async (pod: Pod): Promise<ReadonlyMap<string, string>> => {
    const { namespace } = identityOf(pod);
    const links = pod.spec?.enableServiceLinks !== false;
    const ofDefault = await meta.listServices('default');
    const own = links && namespace !== 'default' ? await meta.listServices(namespace) : ofDefault;
    return serviceVariables(servicesFor(namespace, links, own, ofDefault));
  };

  return {
    refusal(pod) {
      const { kernelVersion, apparmor, runtime } = view();
      allowlist ??= sysctlAllowlist(config.allowedSysctls, kernelVersion);
      // While the runtime has not answered, nothing is known against it; the sandbox asks again.
      const strictGroups = runtime.name === '' || runtime.features?.supplementalGroupsPolicy === true;
      return refusalOf(pod, { sysctls: allowlist, apparmor, strictGroups });
    },
    async prepareSandbox(pod, attempt, volumeGroups) {
      const runtimeHandler = await runtimeHandlerOf(pod, meta);
      const problem = userNamespaceProblem(pod, runtimeHandler, view().runtime.handlers);
      if (problem !== undefined) {
        const details = { pod: pod.metadata.name, problem, reason: 'FailedCreatePodSandBox' };
        throw edgedErrors.create('EDGED_POD_CONFIG', details);
      }
      const dns = await dnsOf(pod);
      for (const { reason, message } of dns.problems) events.pod(pod, 'Warning', reason, message);
      const wanted = configOf(pod, attempt, dns, { ...(await usersOf(pod)), volumeGroups });
      await cgroups.ensure(pod, view().cgroups);
      return { config: wanted, runtimeHandler };
    },
    async sandboxConfig(pod, attempt) {
      return configOf(pod, attempt, await dnsOf(pod), await usersOf(pod));
    },
    async environment(pod, container, addresses, read) {
      const { allocatable } = view();
      const services = await servicesOf(pod);
      const context = { pod, addresses, allocatable, read, services, service };
      const { values, skipped } = await environmentOf(container, context);
      for (const message of skipped)
        events.pod(pod, 'Warning', 'InvalidEnvironmentVariableNames', message, container.name);
      return values;
    },
    async recursiveReadOnly(pod) {
      const mounts = everyContainerOf(pod).flatMap(({ volumeMounts }) => volumeMounts ?? []);
      if (mounts.every(({ recursiveReadOnly }) => recursiveReadOnly === undefined)) return false;
      const handler = await runtimeHandlerOf(pod, meta);
      const known = view().runtime.handlers.find(({ name }) => name === handler);
      return known?.features?.recursiveReadOnlyMounts === true;
    },
    async hostsFile(pod, podIPs) {
      const shared = pod.spec?.hostNetwork === true;
      if (!shared && podIPs.length === 0) return undefined;
      const hostFile = shared ? ((await host.readText('/etc/hosts')) ?? '') : '';
      return hostsFileOf(pod, { podIPs, clusterDomain: config.clusterDomain, hostFile });
    },
    async containerConfig(pod, container, runtime, { volumeGroups, ...request }) {
      const { resources, thermalPaths } = view();
      const { rootDir, seccompDefault } = config;
      const targetId = targetIdOf(container, runtime);
      return containerConfigOf(pod, container, {
        ...request,
        resources: containerResources(container, pod, resources),
        security: { rootDir, seccompDefault, thermalPaths },
        isolation: {
          ...(await usersOf(pod)),
          volumeGroups,
          ...(targetId === undefined ? {} : { targetId }),
        },
      });
    },
    async release(uid) {
      await cgroups.remove(uid, view().cgroups);
      users.release(uid);
    },
  };
}
