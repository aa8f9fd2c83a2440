import type { IncomingMessage } from 'node:http';
import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { findContainer, findPod } from './find-container.ts';
import { send } from './http-answers.ts';
import type { Answer } from './kubelet-api.ts';
import { refusal } from './refusal.ts';
import { runningContainer } from './streams.ts';

export interface RunOptions {
  readonly pods: () => readonly Pod[];
  readonly cri: Pick<CriClient, 'listContainers' | 'execSync'>;
}

const MAX_BODY_BYTES = 65_536;

/** `/run`: one command, its words parted by spaces, answered with all it said (spec/edged.md §15). */
export function createRunAnswer({ pods, cri }: RunOptions): Answer {
  return async ({ params, query, request, signal }, response) => {
    const form = new URLSearchParams(await readBody(request));
    const command = form.get('cmd') ?? query.get('cmd') ?? '';
    if (command === '') throw refusal(400, 'parameter "cmd" is required');
    const pod = findPod(pods(), params);
    const { name } = findContainer(pod, params['container'] ?? '');
    const containerId = await runningContainer(cri, pod, name, signal);
    const result = await cri.execSync({ containerId, cmd: command.split(' '), timeout: 0 }, { signal });
    const said = Buffer.concat([result.stdout, result.stderr]);
    if (result.exitCode !== 0)
      throw refusal(500, `command '${command}' exited with ${result.exitCode}: ${said.toString()}`);
    send(response, 200, 'application/json', said);
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw refusal(413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
