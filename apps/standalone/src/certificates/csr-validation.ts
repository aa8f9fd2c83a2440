import { X509Certificate } from 'node:crypto';
import type { UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  invalidLiteral,
  notSupported,
  required,
} from '../rest/field-error.ts';
import { labelProblems, subdomainProblems } from '../rest/name-rules.ts';
import { numberAt, textAt } from '../table/column.ts';
import { APPROVED, certificateOf, conditionsOf, DENIED, FAILED, signerOf, usagesOf } from './csr-object.ts';
import { LEGACY_UNKNOWN } from './signers.ts';
import { parseSigningRequest } from './signing-request.ts';

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const SHORTEST_SECONDS = 600;
const DECIDED = [APPROVED, DENIED];

/** Rules for a request as it is stored, whoever wrote it. */
export function validateSigningRequest(csr: UnknownObject): FieldError[] {
  const errors: FieldError[] = [];
  const parsed = parseSigningRequest((csr['spec'] as Record<string, unknown> | undefined)?.['request']);
  if (typeof parsed === 'string') errors.push(invalidLiteral('spec.request', '<request data>', parsed));
  const usages = usagesOf(csr);
  if (usages.length === 0) errors.push(required('spec.usages'));
  usages.forEach((usage, index) => {
    const path = `spec.usages[${index}]`;
    if (!USAGES.includes(usage)) errors.push(notSupported(path, usage, USAGES));
    if (usages.indexOf(usage) < index) errors.push(duplicate(path, usage));
  });
  errors.push(...validateSignerName(signerOf(csr)));
  const seconds = (csr['spec'] as Record<string, unknown> | undefined)?.['expirationSeconds'];
  if (seconds !== undefined && numberAt(csr, 'spec', 'expirationSeconds') < SHORTEST_SECONDS) {
    errors.push(
      invalid(
        'spec.expirationSeconds',
        seconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    );
  }
  return [...errors, ...validateConditions(csr), ...validateCertificate(certificateOf(csr))];
}

function validateSignerName(name: string): FieldError[] {
  const path = 'spec.signerName';
  if (name === '') return [required(path)];
  if (name === LEGACY_UNKNOWN) {
    return [invalid(path, name, 'the legacy signerName is not allowed via this API version')];
  }
  const [domain = '', rest, more] = name.split('/');
  if (rest === undefined || more !== undefined) {
    return [
      invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ];
  }
  const labels = domain.split('.');
  return [
    ...labels.flatMap((label) => labelProblems(label).map((problem) => invalid(path, label, problem))),
    ...(labels.length < 2
      ? [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]
      : []),
    ...subdomainProblems(rest).map((problem) => invalid(path, rest, problem)),
  ];
}

function validateConditions(csr: UnknownObject): FieldError[] {
  const errors: FieldError[] = [];
  const seen: string[] = [];
  conditionsOf(csr).forEach((condition, index) => {
    const path = `status.conditions[${index}]`;
    const type = textAt(condition, 'type');
    const status = textAt(condition, 'status');
    if (type === '') errors.push(required(`${path}.type`));
    const allowed = [...DECIDED, FAILED].includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') errors.push(required(`${path}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${path}.status`, status, allowed));
    if (DECIDED.includes(type) && DECIDED.some((other) => other !== type && seen.includes(other))) {
      errors.push(
        invalid('status.conditions', type, 'Approved and Denied conditions are mutually exclusive'),
      );
    }
    if (seen.includes(type)) errors.push(duplicate(`${path}.type`, type));
    seen.push(type);
  });
  return errors;
}

const BLOCK = /-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/g;

function validateCertificate(base64: string): FieldError[] {
  if (base64 === '') return [];
  const refuse = (problem: string) => [invalidLiteral('status.certificate', '<certificate data>', problem)];
  const pem = Buffer.from(base64, 'base64').toString('latin1');
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.length === 0) return refuse('must contain at least one CERTIFICATE PEM block');
  for (const [block, type] of blocks) {
    if (type !== 'CERTIFICATE') {
      return refuse(`only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`);
    }
    try {
      new X509Certificate(block);
    } catch {
      return refuse('malformed certificate');
    }
  }
  return [];
}

export interface Permitted {
  /** Approved and Denied may be set. */
  readonly decision: boolean;
  /** A certificate may be set where there is none. */
  readonly certificate: boolean;
}

/** What a write may change of a stored request, beside the rules for the result. */
export function validateChange(next: UnknownObject, old: UnknownObject, permitted: Permitted): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (field: string, what: string): void =>
    void errors.push(forbiddenField(`status.${field}`, `updates may not ${what}`));
  for (const type of [...DECIDED, FAILED]) {
    const [before, after] = [conditionsOf(old, type), conditionsOf(next, type)];
    const named = `a condition of type ${JSON.stringify(type)}`;
    if (after.length < before.length) refuse('conditions', `remove ${named}`);
    else if (permitted.decision || type === FAILED) continue;
    else if (after.length > before.length) refuse('conditions', `add ${named}`);
    else if (!sameJson(after, before)) refuse('conditions', `modify ${named}`);
  }
  if (certificateOf(next) !== certificateOf(old)) {
    if (!permitted.certificate) refuse('certificate', 'set certificate content');
    else if (certificateOf(old) !== '') refuse('certificate', 'modify existing certificate content');
  }
  return errors;
}
