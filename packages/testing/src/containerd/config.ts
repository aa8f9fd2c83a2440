import { join } from 'node:path';

/** Where one private containerd keeps everything; all below one directory. */
export interface Layout {
  readonly dir: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
  readonly cniConf: string;
  readonly cniState: string;
  readonly logFile: string;
}

export function layoutOf(dir: string): Layout {
  return {
    dir,
    root: join(dir, 'root'),
    state: join(dir, 'state'),
    socket: join(dir, 'containerd.sock'),
    configFile: join(dir, 'config.toml'),
    cniConf: join(dir, 'cni'),
    cniState: join(dir, 'cni-state'),
    logFile: join(dir, 'containerd.log'),
  };
}

export function containerdConfig(layout: Layout, sandboxImage: string, snapshotter: string): string {
  return `version = 2
root = ${JSON.stringify(layout.root)}
state = ${JSON.stringify(layout.state)}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.restart", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = ${JSON.stringify(layout.socket)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${JSON.stringify(sandboxImage)}
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${JSON.stringify(layout.cniConf)}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = ${JSON.stringify(snapshotter)}
`;
}

/** A bridge with host-local addresses and host ports; no masquerading, so nothing is left in iptables without ports. */
export function cniConfig(layout: Layout, network: Network): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: network.name,
    plugins: [
      {
        type: 'bridge',
        bridge: network.bridge,
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: layout.cniState,
          ranges: [[{ subnet: network.subnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
}

export interface Network {
  readonly name: string;
  /** At most 15 characters. */
  readonly bridge: string;
  /** `10.x.y.0/24` */
  readonly subnet: string;
}
