import { isRecord } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { sameJson } from './merge-patch.ts';

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** RFC 6902. The document is not changed. @throws KUBE_PATCH_INVALID */
export function applyJsonPatch(document: unknown, operations: readonly unknown[]): unknown {
  const root = { '': structuredClone(document) };
  operations.forEach((operation, index) => {
    const known = isRecord(operation) ? (operation as unknown as JsonPatchOperation) : undefined;
    const fail = (problem: string) =>
      kubeErrors.create('KUBE_PATCH_INVALID', {
        index,
        op: String(known?.op),
        path: String(known?.path),
        problem,
      });
    if (known === undefined || typeof known.path !== 'string') throw fail('not an operation');
    applyOperation(root, known, fail);
  });
  return root[''];
}

type Fail = (problem: string) => Error;
type Root = { '': unknown };

function applyOperation(root: Root, operation: JsonPatchOperation, fail: Fail): void {
  const value = (): unknown => {
    if (operation.value === undefined) throw fail('no value');
    return structuredClone(operation.value);
  };
  const source = (): string => {
    if (typeof operation.from !== 'string') throw fail('no from');
    return operation.from;
  };
  switch (operation.op) {
    case 'add':
      add(root, operation.path, value(), fail);
      return;
    case 'remove':
      remove(root, operation.path, fail);
      return;
    case 'replace':
      remove(root, operation.path, fail);
      add(root, operation.path, value(), fail);
      return;
    case 'move': {
      const from = source();
      if (operation.path.startsWith(`${from}/`)) throw fail('cannot move a value into itself');
      add(root, operation.path, remove(root, from, fail), fail);
      return;
    }
    case 'copy':
      add(root, operation.path, structuredClone(read(root, source(), fail)), fail);
      return;
    case 'test':
      if (!sameJson(read(root, operation.path, fail), operation.value)) throw fail('test failed');
      return;
    default:
      throw fail('unknown operation');
  }
}

/** The container of the pointer's last token, and that token. */
function locate(root: Root, pointer: string, fail: Fail): { parent: unknown; token: string } {
  if (pointer !== '' && !pointer.startsWith('/')) throw fail('path does not start with /');
  const tokens = pointer.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  let parent: unknown = root;
  for (const token of tokens.slice(0, -1)) parent = child(parent, token, fail);
  return { parent, token: tokens.at(-1) as string };
}

function child(parent: unknown, token: string, fail: Fail): unknown {
  if (Array.isArray(parent)) return parent[indexOf(parent, token, parent.length - 1, fail)];
  if (isRecord(parent) && Object.hasOwn(parent, token)) return parent[token];
  throw fail(`nothing at ${token}`);
}

function indexOf(array: readonly unknown[], token: string, max: number, fail: Fail): number {
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (!(index <= max)) throw fail(`no index ${token} in an array of ${array.length}`);
  return index;
}

function read(root: Root, pointer: string, fail: Fail): unknown {
  const { parent, token } = locate(root, pointer, fail);
  return child(parent, token, fail);
}

function add(root: Root, pointer: string, value: unknown, fail: Fail): void {
  const { parent, token } = locate(root, pointer, fail);
  if (Array.isArray(parent)) {
    const index = token === '-' ? parent.length : indexOf(parent, token, parent.length, fail);
    parent.splice(index, 0, value);
  } else if (isRecord(parent)) {
    // Defined, not assigned: `__proto__` stays an ordinary field.
    Object.defineProperty(parent, token, { value, writable: true, enumerable: true, configurable: true });
  } else {
    throw fail('the parent is neither an object nor an array');
  }
}

function remove(root: Root, pointer: string, fail: Fail): unknown {
  const { parent, token } = locate(root, pointer, fail);
  const value = child(parent, token, fail);
  if (Array.isArray(parent)) parent.splice(Number(token), 1);
  else delete (parent as Record<string, unknown>)[token];
  return value;
}
