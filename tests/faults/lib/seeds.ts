/** `KUBEEDGE_TS_SEED` replays one run; otherwise the slice's seed, and with `--full` more of them. */
export function seedsFor(slice: number): readonly number[] {
  const given = process.env['KUBEEDGE_TS_SEED'];
  if (given) return [Number(given)];
  const count = process.env['KUBEEDGE_TS_FULL'] ? 8 : 1;
  return Array.from({ length: count }, (_, index) => slice + index);
}

/** Runs it; a failure names the seed that repeats it. */
export async function withSeed<T>(seed: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Error(`KUBEEDGE_TS_SEED=${seed} repeats it: ${(error as Error).message}`, { cause: error });
  }
}
