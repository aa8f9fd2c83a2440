/** One thing /readyz and /livez look at. */
export interface HealthCheck {
  readonly name: string;
  healthy(): boolean;
}

export interface HealthAnswer {
  readonly status: number;
  readonly text: string;
}

/** Text of /healthz, /livez or /readyz; with `verbose` one line per check. */
export function healthAnswer(path: string, checks: readonly HealthCheck[], verbose: boolean): HealthAnswer {
  const results = checks.map((check) => ({ name: check.name, ok: check.healthy() }));
  const failed = results.some((result) => !result.ok);
  const lines = results.map(({ name, ok }) => (ok ? `[+]${name} ok` : `[-]${name} failed: reason withheld`));
  const name = path.replace(/^\//, '');
  if (failed) return { status: 500, text: `${lines.join('\n')}\n${name} check failed\n` };
  return { status: 200, text: verbose ? `${lines.join('\n')}\n${name} check passed\n` : 'ok' };
}
