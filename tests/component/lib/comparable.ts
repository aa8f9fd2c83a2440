const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const JWT = /^(<jwt>|ey[\w-]+\.[\w-]+\.[\w-]+)$/;

/** Fields whose values differ from run to run, and what is compared instead: that they are there. */
const VOLATILE: Readonly<Record<string, string>> = {
  resourceVersion: '<version>',
  resourceversion: '<version>',
  timestamp: '<time>',
  event_id: '<id>',
  token: '<token>',
  // The address under which cloudcore can be reached, on the Node.
  cloudcore: '<address>',
};

export type Rename = (text: string) => string;

/**
 * A message, or a part of one, as it can be compared with that of another run: times, versions, tokens and fresh ids are
 * words, JSON within strings is taken apart, `managedFields` are dropped. `rename` maps the ids of one run to those of
 * the other; ids are compared otherwise.
 */
export function comparable(value: unknown, rename: Rename = (text) => text): unknown {
  if (typeof value === 'string') return comparableText(value, rename);
  if (Array.isArray(value)) return value.map((item) => comparable(item, rename));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value)
    .filter(([key, field]) => key !== 'managedFields' && field !== undefined)
    .map(([key, field]) => {
      const word = typeof field === 'object' ? undefined : VOLATILE[key];
      return [key, word ?? comparable(field, rename)] as const;
    });
  return Object.fromEntries(fields);
}

function comparableText(text: string, rename: Rename): unknown {
  if (TIME.test(text)) return '<time>';
  if (JWT.test(text)) return '<token>';
  if (text === '<pem>' || text.startsWith('-----BEGIN ')) return '<pem>';
  if (/^[[{]/.test(text)) {
    try {
      return { '<json>': comparable(JSON.parse(text), rename) };
    } catch {
      // Looks like JSON and is none: compared as text.
      return text;
    }
  }
  return UUID.test(text) ? rename(text) : text;
}
