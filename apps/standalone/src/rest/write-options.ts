import { badRequest } from './api-error.ts';
import {
  type FieldError,
  forbiddenField,
  invalidObject,
  notSupported,
  required,
  tooLong,
} from './field-error.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

/**
 * The options of create, update and patch.
 *
 * @param optionsKind `CreateOptions`, `UpdateOptions` or `PatchOptions`, for error texts
 * @param apply an apply patch must name its manager, and only it may force
 */
export function writeOptions(
  query: URLSearchParams,
  userAgent: string | undefined,
  optionsKind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  apply = false,
): WriteOptions {
  const dryRuns = query.getAll('dryRun');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const errors: FieldError[] = [];
  if (dryRuns.some((value) => value !== 'All' && value !== '')) {
    errors.push(notSupported('dryRun', dryRuns[0], ['All']));
  }
  if (apply && manager === '') errors.push(required('fieldManager', 'is required for apply patch'));
  if (manager.length > 128) errors.push(tooLong('fieldManager', 128));
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(validation)) {
    errors.push(notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  if (!apply && optionsKind === 'PatchOptions' && query.has('force')) {
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  }
  if (errors.length > 0) throw invalidObject('meta.k8s.io', optionsKind, '', errors);
  return {
    dryRun: dryRuns.includes('All'),
    fieldManager: manager || managerOf(userAgent),
    // Without the parameter the server warns, as it has since 1.27.
    fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation),
    force: query.get('force') === 'true' || query.get('force') === '1',
  };
}

/** The part of the user agent before the first slash. */
function managerOf(userAgent: string | undefined): string {
  const name = (userAgent ?? '').split('/')[0]?.slice(0, 128) ?? '';
  return name === '' ? 'unknown' : name;
}

/** What a body's unknown fields lead to: warnings, or a refusal when the caller is strict. */
export function unknownFieldOutcome(
  unknownFields: readonly string[],
  validation: FieldValidation,
  subject: string,
): readonly string[] {
  if (unknownFields.length === 0 || validation === 'Ignore') return [];
  const texts = unknownFields.map((field) => `unknown field ${JSON.stringify(field)}`);
  if (validation === 'Strict') throw badRequest(`${subject}strict decoding error: ${texts.join(', ')}`);
  return texts;
}
