import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Cloud, until } from '@kubeedge-ts/testing/site';
import type { HollowParameters } from './hollow-edges.ts';

export interface HollowFleetOptions {
  readonly root: string;
  /** The run's directory. */
  readonly dir: string;
  readonly cloud: Cloud;
  readonly names: readonly string[];
  /** The edges are shared out among so many processes. */
  readonly processes: number;
  readonly edges?: Pick<HollowParameters, 'capabilities' | 'services'>;
}

/** Starts hollow edges and waits until all are connected. Markers come in with the time of their commit, µs of `hrtime`. */
export async function startHollowFleet(options: HollowFleetOptions): Promise<ReadonlyMap<string, number>> {
  const { root, dir, cloud, names, processes, edges } = options;
  const token = await cloud.joinToken();
  const commits = new Map<string, number>();
  let ready = 0;
  for (let number = 0; number < processes; number++) {
    const parameters: HollowParameters = {
      names: names.filter((_, index) => index % processes === number),
      hubUrl: cloud.hubUrl,
      httpsUrl: cloud.httpsUrl,
      token,
      dir: join(dir, 'hollow'),
      ...edges,
    };
    const script = join(root, 'bench/lib/hollow-edges.ts');
    const child = spawn(process.execPath, [script, JSON.stringify(parameters)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as { ready?: number; marker?: string; at?: number };
      ready += message.ready ?? 0;
      if (message.marker !== undefined && message.at !== undefined) commits.set(message.marker, message.at);
    });
  }
  await until('all edges are connected', () => ready === names.length, { timeoutMs: 300_000 });
  return commits;
}
