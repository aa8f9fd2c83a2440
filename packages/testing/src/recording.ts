import { readFileSync } from 'node:fs';

/** A message as it stood on the wire; assignable to and from `Message` of packages/apis. */
export interface WireMessage {
  readonly header: {
    readonly msg_id: string;
    readonly parent_msg_id?: string;
    readonly timestamp: number;
    readonly resourceversion?: string;
  };
  readonly route: {
    readonly source?: string;
    readonly group?: string;
    readonly operation?: string;
    readonly resource?: string;
  };
  readonly content: unknown;
}

export type RecordedEntry =
  | {
      readonly kind: 'message';
      /** Milliseconds since the recording began. */
      readonly t: number;
      readonly from: 'edge' | 'cloud';
      readonly message: WireMessage;
    }
  | { readonly kind: 'connect'; readonly t: number; readonly url: string }
  | { readonly kind: 'close'; readonly t: number };

/** Reads a recording of packages' traffic (tests/fixtures/upstream-wire/README.md); empty frames are left out. */
export function readRecording(file: URL | string): RecordedEntry[] {
  const entries: RecordedEntry[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const { t, event, url, dir, header, route, content } = JSON.parse(line);
    if (event === 'connect') entries.push({ kind: 'connect', t, url });
    else if (event === 'close') entries.push({ kind: 'close', t });
    else if (header?.msg_id) {
      const from = dir === 'edge->cloud' ? 'edge' : 'cloud';
      entries.push({ kind: 'message', t, from, message: { header, route, content } });
    }
  }
  return entries;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]+$/;

/** Keys whose values differ from run to run whatever they are. */
const VOLATILE: Readonly<Record<string, string>> = {
  resourceVersion: '<version>',
  resourceversion: '<version>',
  timestamp: '<time>',
  token: '<jwt>',
};

/**
 * Makes messages of two runs comparable as JSON: UUIDs become numbers in the order in which this normaliser meets them
 * (equal ids stay equal, also within longer strings), times, versions, tokens and certificates become words, JSON
 * within strings is taken apart, `managedFields` are dropped. Use one normaliser per run.
 */
export function createNormaliser(): (value: unknown) => unknown {
  const ids = new Map<string, string>();
  const label = (id: string): string => {
    const known = ids.get(id) ?? `<id ${ids.size + 1}>`;
    ids.set(id, known);
    return known;
  };

  const text = (value: string): unknown => {
    if (TIME.test(value)) return '<time>';
    if (JWT.test(value)) return '<jwt>';
    if (value.startsWith('-----BEGIN ')) return '<pem>';
    const inner = /^[[{]/.test(value) ? parsed(value) : undefined;
    return inner === undefined ? value.replace(UUID, label) : { '<json>': normalise(inner) };
  };

  const normalise = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(normalise);
    if (typeof value !== 'object' || value === null) return value;
    const fields = Object.entries(value)
      .filter(([key]) => key !== 'managedFields')
      .map(([key, field]) => {
        const volatile = typeof field === 'object' ? undefined : VOLATILE[key];
        return [key, volatile ?? normalise(field)] as const;
      });
    return Object.fromEntries(fields);
  };
  return normalise;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Looks like JSON and is none: compared as text.
    return undefined;
  }
}
