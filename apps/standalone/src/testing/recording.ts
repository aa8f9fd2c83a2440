import { readFileSync } from 'node:fs';

/** One line of tests/fixtures/kube-apiserver-1.31/requests.jsonl. */
export interface Recorded {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly anonymous?: boolean;
    readonly closedAfterMs?: number;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

export function readRecording(): readonly Recorded[] {
  const path = new URL('../../../../tests/fixtures/kube-apiserver-1.31/requests.jsonl', import.meta.url);
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded);
}

/** Managers whose programs do not run in the test. */
const ABSENT_MANAGERS = new Set([
  'kube-controller-manager',
  'kube-scheduler',
  'kube-apiserver',
  'ke-cloudcore',
]);

/** Keys whose values differ from run to run; texts and hashes that are each server's own. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  uid: '<uid>',
  resourceVersion: '<rv>',
  continue: '<continue>',
  token: '<jwt>',
  serverAddress: '<address>',
  storageVersionHash: '<hash>',
};

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const AGE = /^\d+(s|m|h|d|m\d+s)$/;

/** A body without what differs from run to run. */
export function normalised(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items =
      key === 'managedFields' ? value.filter((entry) => !ABSENT_MANAGERS.has(entry.manager)) : value;
    const shown = items.map((item) => normalised(item, key === 'cells' ? 'cell' : ''));
    if (key === 'sources') return shown.filter((source) => !JSON.stringify(source).includes('openshift'));
    return key === 'managedFields' ? shown.sort(byText) : shown;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([name]) => !(key === 'columnDefinition' && name === 'description'))
      .filter(([name, item]) => !(name === 'managedFields' && isEmpty(normalised(item, name))))
      .map(([name, item]) => [normalisedText(name), normalised(item, name)]);
    return Object.fromEntries(entries);
  }
  if (typeof value !== 'string') return value;
  if (key !== '' && Object.hasOwn(PLACEHOLDERS, key) && value !== 'bad') return PLACEHOLDERS[key];
  if (key === 'description') return '<text>';
  if (TIME.test(value)) return '<time>';
  if (key === 'cell' && AGE.test(value)) return '<age>';
  return normalisedText(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function normalisedText(text: string): string {
  return (
    text
      .replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<random>')
      .replaceAll(/^gen-[a-z0-9]{5}$/g, 'gen-<random>')
      .replaceAll(/-----BEGIN CERTIFICATE[\s\S]*/g, '<pem>')
      .replaceAll(/current: \d+/g, 'current: <rv>')
      // Go's rendering of the difference; ours names the fields.
      .replaceAll(/(if it was previously negative\))[\s\S]*/g, '$1')
  );
}

/** What the recorded server called things → what the server under test calls them. */
export interface Translation {
  /** Notes the names that appear at the same place of both bodies. */
  learn(recorded: unknown, found: unknown): void;
  /** A recorded path or body in the words of the server under test. */
  translate(text: string): string;
}

export function createTranslation(): Translation {
  const words = new Map<string, string>();
  const revisions = new Map<string, string>();

  const learn = (recorded: unknown, found: unknown, key = ''): void => {
    if (typeof recorded === 'string' && typeof found === 'string') {
      if (key === 'resourceVersion') revisions.set(recorded, found);
      else if (key === 'uid' || key === 'continue' || /^gen-[a-z0-9]{5}$/.test(recorded))
        words.set(recorded, found);
      return;
    }
    if (typeof recorded !== 'object' || typeof found !== 'object' || recorded === null || found === null)
      return;
    for (const [name, value] of Object.entries(recorded)) {
      learn(value, (found as Record<string, unknown>)[name], name);
    }
  };
  return {
    learn,
    translate(text) {
      let result = text
        .replaceAll(
          /resourceVersion=(\d+)/g,
          (all, version) => `resourceVersion=${revisions.get(version) ?? all.slice(16)}`,
        )
        .replaceAll(
          /"resourceVersion":"(\d+)"/g,
          (_, version) => `"resourceVersion":"${revisions.get(version) ?? version}"`,
        );
      for (const [recorded, found] of words) result = result.replaceAll(recorded, found);
      return result;
    },
  };
}
