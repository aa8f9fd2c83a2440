import type { Module } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import {
  type CertificateAuthority,
  mintToken,
  parseJoinToken,
  type TokenVerdict,
  verifyBearer,
} from '@kubeedge-ts/pki';
import { type Clock, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { SecretStore } from './certificate-secrets.ts';

export interface JoinTokens {
  /** Checks what an edge sends as bearer token. */
  verify(bearer: string): TokenVerdict;
  /** A fresh four-part token, bound to one node name if one is given. */
  mint(options?: { readonly nodeName?: string; readonly lifetimeMs?: number }): string;
  /**
   * Makes sure that Secret `tokensecret` holds a token of this CA with more than half its life left, and returns when
   * that one expires (Unix ms). Several cloudcores share it: the first to find it old replaces it.
   */
  ensureStored(store: SecretStore): Promise<number>;
}

export interface JoinTokenOptions {
  readonly ca: Pick<CertificateAuthority, 'certDer' | 'keyDer' | 'hash'>;
  /** `tokenRefreshDuration`, hours; a token lives twice that (spec/certificates-and-ports.md §3.2). */
  readonly refreshHours: number;
  readonly clock: Clock;
}

const SECRET = 'tokensecret';
const KEY = 'tokendata';
const HOUR_MS = 3_600_000;

export function createJoinTokens({ ca, refreshHours, clock }: JoinTokenOptions): JoinTokens {
  const refreshMs = refreshHours * HOUR_MS;
  const key = { caDer: ca.certDer, keyDer: ca.keyDer };

  const mint: JoinTokens['mint'] = ({ nodeName, lifetimeMs = 2 * refreshMs } = {}) =>
    mintToken(key, { expiresAt: clock.now() + lifetimeMs, ...(nodeName === undefined ? {} : { nodeName }) });

  /** When the stored token expires; 0 when it must be replaced. */
  const usefulUntil = (text: string): number => {
    const parts = text.trim().split('.');
    if (parts[0] !== ca.hash) return 0;
    const verdict = verifyBearer(ca.keyDer, parts.slice(1).join('.'), clock.now());
    if (!verdict.ok || verdict.nodeName !== undefined) return 0;
    return verdict.expiresAt - clock.now() > refreshMs ? verdict.expiresAt : 0;
  };

  return {
    verify: (bearer) => verifyBearer(ca.keyDer, bearer, clock.now()),
    mint,
    async ensureStored(store) {
      for (;;) {
        const stored = await store.read(SECRET);
        const until = usefulUntil(stored?.values.get(KEY)?.toString('utf8') ?? '');
        if (until > 0) return until;
        const token = mint();
        const values = { [KEY]: Buffer.from(token) };
        const written = await (stored === undefined
          ? store.create(SECRET, values)
          : store.replace(stored, values));
        if (written) return parseJoinToken(token).expiresAt ?? 0;
      }
    },
  };
}

/** Longest pause between two looks at the clock: a clock that jumps is noticed, and timers have an upper bound. */
const MAX_PAUSE_MS = HOUR_MS;

/** Keeps the stored join token fresh for as long as the program runs. Failures are retried, never fatal. */
export function createTokenRefresh(options: {
  readonly tokens: JoinTokens;
  readonly refreshHours: number;
  readonly store: (signal: AbortSignal) => SecretStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}): Module {
  const { tokens, clock, random, log } = options;
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const loop = async (): Promise<void> => {
    const store = options.store(stopping.signal);
    while (!stopping.signal.aborted) {
      let pauseMs = 60_000;
      try {
        const expiresAt = await tokens.ensureStored(store);
        const dueIn = expiresAt - options.refreshHours * HOUR_MS - clock.now();
        // Half a minute of jitter: of several cloudcores one comes first, the others find its token.
        pauseMs = Math.min(MAX_PAUSE_MS, Math.max(0, dueIn)) + 1_000 + 30_000 * random.next();
      } catch (error) {
        if (stopping.signal.aborted) return;
        log.warn({ err: errorText(error) }, 'join token could not be refreshed');
      }
      await sleep(clock, pauseMs, stopping.signal).catch(() => undefined);
    }
  };

  return {
    name: 'token-refresh',
    async start() {
      running = loop();
    },
    async stop() {
      stopping.abort(new Error('token refresh is stopping'));
      await running;
    },
  };
}
