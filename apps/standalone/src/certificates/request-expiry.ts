import { X509Certificate } from 'node:crypto';
import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { ApiContext } from '../rest/api-request.ts';
import { textAt } from '../table/column.ts';
import { APPROVED, CSR_STORAGE, certificateOf, conditionsOf, DENIED, FAILED } from './csr-object.ts';

const HOUR_MS = 3_600_000;
const INTERVAL_MS = HOUR_MS;
/** What is over is kept for an hour, what waits for somebody for a day; as kube-controller-manager does. */
const OVER_MS = HOUR_MS;
const WAITING_MS = 24 * HOUR_MS;

/** Removes requests that nobody needs any more. The returned function ends it. */
export function startRequestExpiry(context: ApiContext): () => void {
  const { store, clock, log } = context;
  let cancel = clock.after(INTERVAL_MS, function again() {
    try {
      for (const { key, revision, object } of store.list(CSR_STORAGE)) {
        if (isExpired(object, clock.now())) store.delete(key, revision);
      }
    } catch (error) {
      log.warn({ err: errorText(error) }, 'old certificate requests were not removed');
    }
    cancel = clock.after(INTERVAL_MS, again);
  });
  return () => cancel();
}

export function isExpired(csr: UnknownObject, now: number): boolean {
  const issued = certificateOf(csr) !== '';
  const older = (type: string, ms: number): boolean =>
    conditionsOf(csr, type).some((condition) => isOlder(textAt(condition, 'lastUpdateTime'), ms, now));
  return (
    older(APPROVED, issued ? OVER_MS : WAITING_MS) ||
    older(DENIED, OVER_MS) ||
    older(FAILED, OVER_MS) ||
    (conditionsOf(csr).length === 0 && isOlder(csr.metadata.creationTimestamp ?? '', WAITING_MS, now)) ||
    (issued && hasRunOut(certificateOf(csr), now))
  );
}

function isOlder(time: string, ms: number, now: number): boolean {
  const at = Date.parse(time);
  return !Number.isNaN(at) && now - at > ms;
}

function hasRunOut(base64: string, now: number): boolean {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64')).validToDate.getTime() < now;
  } catch {
    return false;
  }
}
