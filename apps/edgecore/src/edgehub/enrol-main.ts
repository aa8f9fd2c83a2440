import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { enrol, renew } from '@kubeedge-ts/pki';
import type { EnrolRequest, EnrolResult } from './enrol-protocol.ts';

/**
 * Asks the cloud for a certificate and ends. A process of its own because the X.509 library costs 19 MB that edgecore
 * would keep for ever (LIBRARIES). One JSON value in, one out.
 */
const MAX_INPUT = 1_048_576;

async function readRequest(): Promise<EnrolRequest> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_INPUT) throw new Error('request is too long');
  }
  return JSON.parse(text) as EnrolRequest;
}

async function answer(): Promise<EnrolResult> {
  try {
    const request = await readRequest();
    const credentials = request.action === 'enrol' ? await enrol(request) : await renew(request);
    return { credentials };
  } catch (error) {
    const known = isKubeEdgeError(error) ? error : undefined;
    return {
      error: {
        code: known?.code ?? 'EDGE_ENROL_FAILED',
        message: errorText(error),
        advice: known?.advice ?? '',
        details: known?.details ?? {},
      },
    };
  }
}

answer().then((result) => process.stdout.write(JSON.stringify(result)));
