import type { Pod } from '@kubeedge-ts/apis';
import { ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import { LABEL } from '../runtime/labels.ts';
import { findContainer, findPod } from './find-container.ts';
import type { Ask, StreamOpener } from './kubelet-api.ts';
import { refusal } from './refusal.ts';
import type { StreamName } from './routes.ts';

export interface StreamsOptions {
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'listContainers' | 'listPodSandbox' | 'exec' | 'attach' | 'portForward'>;
}

export interface StreamWishes {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** exec, attach and port-forward: the runtime is asked where it waits for the client (spec/edged.md §15). */
export function createStreamOpeners({ pods, cri }: StreamsOptions): Record<StreamName, StreamOpener> {
  const target = ({ params }: Ask) => {
    const pod = findPod(pods(), params);
    return { pod, container: findContainer(pod, params['container'] ?? '') };
  };

  return {
    async exec(ask) {
      const wishes = streamWishes(ask.query);
      const { pod, container } = target(ask);
      const cmd = ask.query.getAll('command');
      if (cmd.length === 0) throw refusal(400, 'you must specify at least one command for the container');
      const containerId = await runningContainer(cri, pod, container.name, ask.signal);
      const { url } = await cri.exec({ containerId, cmd, ...wishes }, { signal: ask.signal });
      return streamUrl(url);
    },
    async attach(ask) {
      const wishes = streamWishes(ask.query);
      const { pod, container } = target(ask);
      const containerId = await runningContainer(cri, pod, container.name, ask.signal);
      // whether it has a terminal was decided when it was started
      const tty = container.tty === true;
      const stderr = wishes.stderr && !tty;
      const { url } = await cri.attach({ containerId, ...wishes, tty, stderr }, { signal: ask.signal });
      return streamUrl(url);
    },
    async portForward(ask) {
      const overWebSocket = ask.request.headers.upgrade?.toLowerCase() === 'websocket';
      const port = overWebSocket ? portsOf(ask.query) : [];
      const pod = findPod(pods(), ask.params);
      const podSandboxId = await readySandbox(cri, pod, ask.signal);
      const { url } = await cri.portForward({ podSandboxId, port }, { signal: ask.signal });
      return streamUrl(url);
    },
  };
}

/** The id of the container's newest run, as the runtime knows it now. @throws KubeEdgeError EDGED_REQUEST 404 */
export async function runningContainer(
  cri: Pick<CriClient, 'listContainers'>,
  pod: Pod,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const labelSelector = { [LABEL.podUid]: pod.metadata.uid ?? '', [LABEL.containerName]: name };
  const { containers } = await cri.listContainers({ filter: { labelSelector } }, { signal });
  const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
  const newest = running.sort((a, b) => b.createdAt - a.createdAt)[0];
  if (newest === undefined) throw refusal(404, `container not found ("${name}"): it does not run`);
  return newest.id;
}

async function readySandbox(
  cri: Pick<CriClient, 'listPodSandbox'>,
  pod: Pod,
  signal: AbortSignal,
): Promise<string> {
  const labelSelector = { [LABEL.podUid]: pod.metadata.uid ?? '' };
  const { items } = await cri.listPodSandbox({ filter: { labelSelector } }, { signal });
  const ready = items.filter(({ state }) => state === PodSandboxState.SANDBOX_READY);
  const newest = ready.sort((a, b) => b.createdAt - a.createdAt)[0];
  if (newest === undefined) throw refusal(404, `failed to find sandbox for pod "${pod.metadata.name}"`);
  return newest.id;
}

/** @throws KubeEdgeError EDGED_REQUEST 400 */
export function streamWishes(query: URLSearchParams): StreamWishes {
  const asked = (name: string): boolean => query.get(name) === '1' || query.get(name) === 'true';
  const tty = asked('tty');
  const wishes = { stdin: asked('input'), stdout: asked('output'), stderr: asked('error') && !tty, tty };
  if (!wishes.stdin && !wishes.stdout && !wishes.stderr)
    throw refusal(400, 'you must specify at least 1 of stdin, stdout, stderr');
  return wishes;
}

/** Over SPDY the ports come in the stream; over WebSocket they stand in the query. */
export function portsOf(query: URLSearchParams): number[] {
  const words = query.getAll('port').flatMap((value) => value.split(','));
  if (words.length === 0) throw refusal(400, 'query parameter "port" is required');
  return words.map((word) => {
    const port = Number(word);
    if (!/^\d+$/.test(word) || port < 1 || port > 65_535)
      throw refusal(400, `query parameter "port" is no port: ${JSON.stringify(word)}`);
    return port;
  });
}

function streamUrl(url: string): URL {
  const target = URL.parse(url);
  if (target === null || (target.protocol !== 'http:' && target.protocol !== 'https:'))
    throw refusal(502, `the container runtime names ${JSON.stringify(url)} for its stream`);
  return target;
}
