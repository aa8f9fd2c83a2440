import type { UnknownObject } from '@kubeedge-ts/apis';
import { matchesRequirements } from '@kubeedge-ts/kube';
import type { ResourceDefinition } from '../registry/types.ts';
import { badRequest } from './api-error.ts';
import { parseLabelSelectorText } from './label-selector.ts';

/** Which objects a list, watch or collection delete means. */
export interface Selection {
  /** No selector was given. */
  readonly everything: boolean;
  matches(object: UnknownObject): boolean;
}

interface FieldTerm {
  readonly read: (object: UnknownObject) => string;
  readonly equal: boolean;
  readonly value: string;
}

/** @throws BadRequest for selectors that cannot be parsed or name a field nobody indexes */
export function selectionOf(query: URLSearchParams, definition: ResourceDefinition, name = ''): Selection {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const requirements = labels === '' ? [] : parseLabelSelectorText(labels);
  const terms = fields === '' ? [] : parseFieldTerms(fields, definition);
  if (name !== '') terms.push({ read: (object) => object.metadata.name, equal: true, value: name });
  return {
    everything: requirements.length === 0 && terms.length === 0,
    matches: (object) =>
      matchesRequirements(requirements, object.metadata.labels) &&
      terms.every(({ read, equal, value }) => (read(object) === value) === equal),
  };
}

function parseFieldTerms(text: string, definition: ResourceDefinition): FieldTerm[] {
  const readers: Record<string, (object: UnknownObject) => string> = {
    'metadata.name': (object) => object.metadata.name,
    ...(definition.namespaced && {
      'metadata.namespace': (object: UnknownObject) => object.metadata.namespace ?? '',
    }),
    ...definition.fieldSelectors,
  };
  return splitTerms(text).map((term) => {
    const match = /^([^=!]+?)\s*(==|!=|=)(.*)$/s.exec(term);
    if (match === null) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const path = (match[1] ?? '').trim();
    const read = Object.hasOwn(readers, path) ? readers[path] : undefined;
    if (read === undefined) throw badRequest(unknownField(path, definition));
    return { read, equal: match[2] !== '!=', value: (match[3] ?? '').replaceAll(/\\([\\,=])/g, '$1') };
  });
}

function unknownField(path: string, definition: ResourceDefinition): string {
  if (definition.fieldSelectors !== undefined) return `field label not supported: ${path}`;
  const known = definition.namespaced ? '"metadata.name", "metadata.namespace"' : '"metadata.name"';
  return `${JSON.stringify(path)} is not a known field selector: only ${known}`;
}

/** Commas separate terms; `\,` `\=` and `\\` are escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let current = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') current += text.slice(at, ++at + 1);
    else if (text[at] === ',') {
      terms.push(current);
      current = '';
    } else current += text[at];
  }
  terms.push(current);
  return terms.map((term) => term.trim()).filter((term) => term !== '');
}
