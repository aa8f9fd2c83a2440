/** One deliberate fault of our own code, and the tests that must notice it (DESIGN §12). */
export interface Mutation {
  /** The promise that no longer holds. */
  readonly breaks: string;
  /** Source file, relative to the repository. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** Test files, relative to the repository, at least one of whose tests must fail. */
  readonly tests: readonly string[];
}

/** The file's text with the fault. @throws Error when the text to be replaced does not stand there exactly once */
export function mutate(text: string, { breaks, file, from, to }: Mutation): string {
  const count = text.split(from).length - 1;
  if (count !== 1) {
    throw new Error(`mutation "${breaks}": its text stands ${count} times in ${file}; adapt it:\n${from}`);
  }
  return text.replace(from, () => to);
}
