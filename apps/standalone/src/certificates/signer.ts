import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { rfc3339 } from '@kubeedge-ts/runtime';
import type { KeyPair } from '../pki.ts';
import type { JsonObject } from '../registry/types.ts';
import type { ApiContext } from '../rest/api-request.ts';
import { updateObject } from '../rest/update.ts';
import { numberAt } from '../table/column.ts';
import {
  APPROVED,
  CSR_STORAGE,
  certificateOf,
  conditionsOf,
  DENIED,
  FAILED,
  signerOf,
  usagesOf,
} from './csr-object.ts';
import { issueCertificate } from './issue-certificate.ts';
import { SIGNERS } from './signers.ts';
import { parseSigningRequest } from './signing-request.ts';

const OPTIONS = {
  dryRun: false,
  fieldManager: 'kube-controller-manager',
  fieldValidation: 'Ignore',
  force: false,
} as const;
const RETRY_MS = 5_000;

/**
 * Signs approved requests with the cluster's CA, for the signers it has; what their rules refuse is marked as failed.
 * Runs where the CA's key is, which no client of the API gets to see.
 */
export function startSigner(context: ApiContext, ca: KeyPair): { close(): Promise<void> } {
  const { store, registry, clock, log } = context;
  const definition = registry.all().find((entry) => entry.storage === CSR_STORAGE);
  if (definition === undefined) throw new TypeError(`no resource ${CSR_STORAGE}`);
  const waiting = new Set<string>();
  const retries = new Map<string, () => void>();
  let closed = false;
  let working: Promise<void> | undefined;

  const sign = async (name: string): Promise<void> => {
    const csr = store.get({ resource: CSR_STORAGE, namespace: '', name })?.object;
    if (csr === undefined || !isReady(csr)) return;
    const status = await outcomeOf(csr, ca, clock.now());
    const info = {
      kind: 'resource',
      verb: 'update',
      group: definition.group,
      version: definition.version,
      plural: definition.plural,
      namespace: '',
      name,
      subresource: 'status',
      subpath: '',
      path: '',
    } as const;
    // With the version that was looked at: what changed meanwhile is looked at anew.
    await updateObject(context, { definition, info }, OPTIONS, () => ({ object: { ...csr, status } }));
    log.info({ csr: name, signer: signerOf(csr) }, 'certificate request was worked on');
  };

  const work = async (): Promise<void> => {
    for (const name of waiting) {
      if (closed) return;
      waiting.delete(name);
      try {
        await sign(name);
      } catch (error) {
        log.warn({ csr: name, err: errorText(error) }, 'certificate request was not signed, will try again');
        retries.get(name)?.();
        retries.set(
          name,
          clock.after(RETRY_MS, () => {
            retries.delete(name);
            look(name);
          }),
        );
      }
    }
  };
  const look = (name: string): void => {
    if (closed) return;
    waiting.add(name);
    // After the write that caused it is announced to everybody, and one at a time.
    working ??= new Promise<void>((resolve) => setImmediate(resolve)).then(work).finally(() => {
      working = undefined;
    });
  };

  const unsubscribe = store.subscribe(CSR_STORAGE, ({ type, key, object }) => {
    if (type !== 'DELETED' && isReady(object)) look(key.name);
  });
  for (const { key, object } of store.list(CSR_STORAGE)) if (isReady(object)) look(key.name);

  return {
    async close() {
      closed = true;
      unsubscribe();
      for (const cancel of retries.values()) cancel();
      await working;
    },
  };
}

/** Approved, of one of our signers, and nothing has come of it yet. */
function isReady(csr: UnknownObject): boolean {
  const has = (type: string): boolean => conditionsOf(csr, type).length > 0;
  return (
    Object.hasOwn(SIGNERS, signerOf(csr)) &&
    has(APPROVED) &&
    !has(DENIED) &&
    !has(FAILED) &&
    certificateOf(csr) === ''
  );
}

async function outcomeOf(csr: UnknownObject, ca: KeyPair, now: number): Promise<JsonObject> {
  const conditions = conditionsOf(csr);
  const usages = usagesOf(csr);
  const request = parseSigningRequest((csr['spec'] as JsonObject)['request']);
  const problem = typeof request === 'string' ? request : SIGNERS[signerOf(csr)]?.(request, new Set(usages));
  if (typeof request === 'string' || problem !== undefined) {
    const failed = {
      type: FAILED,
      status: 'True',
      reason: 'SignerValidationFailure',
      message: problem ?? '',
      lastUpdateTime: rfc3339(now),
    };
    return { conditions: [...conditions, failed] };
  }
  const seconds = numberAt(csr, 'spec', 'expirationSeconds');
  const pem = await issueCertificate(ca, request, {
    usages,
    ...(seconds > 0 && { expirationSeconds: seconds }),
    now,
  });
  return { conditions, certificate: Buffer.from(pem).toString('base64') };
}
