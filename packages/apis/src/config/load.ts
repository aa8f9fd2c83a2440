import { configErrors } from '@kubeedge-ts/errors';
import type * as z from 'zod/mini';
import { isRecord } from '../json.ts';
import {
  CLOUDCORE_USED,
  type CloudCoreConfig,
  type CloudCoreDefaults,
  cloudCoreSchema,
} from './cloudcore.ts';
import { EDGECORE_USED, type EdgeCoreConfig, type EdgeCoreDefaults, edgeCoreSchema } from './edgecore.ts';
import { issuesOf, upgradeEdgeCoreV1alpha1 } from './edgecore-v1alpha1.ts';

export interface Loaded<C> {
  readonly config: C;
  /** One sentence per field that has no effect here. */
  readonly warnings: readonly string[];
}

/** @throws KubeEdgeError CONFIG_NOT_YAML, CONFIG_INVALID (first offending path) */
export async function parseCloudCoreConfig(
  text: string,
  file: string,
  defaults: CloudCoreDefaults,
): Promise<Loaded<CloudCoreConfig>> {
  const raw = await readYaml(text, file);
  const config = check(cloudCoreSchema(defaults), raw);
  const base = check(cloudCoreSchema(defaults), {});
  return { config, warnings: unusedFields(raw, base, CLOUDCORE_USED) };
}

/** @throws KubeEdgeError CONFIG_NOT_YAML, CONFIG_INVALID (first offending path) */
export async function parseEdgeCoreConfig(
  text: string,
  file: string,
  defaults: EdgeCoreDefaults,
): Promise<Loaded<EdgeCoreConfig>> {
  let raw = await readYaml(text, file);
  const warnings: string[] = [];
  if (String(raw['apiVersion'] ?? '').endsWith('/v1alpha1')) {
    const upgraded = upgradeEdgeCoreV1alpha1(raw);
    const [issue] = upgraded.issues;
    if (issue !== undefined) throw configErrors.create('CONFIG_INVALID', { ...issue });
    raw = upgraded.file;
    warnings.push(...upgraded.warnings);
  }
  const config = check(edgeCoreSchema(defaults), raw);
  const base = check(edgeCoreSchema(defaults), {});
  return { config, warnings: [...warnings, ...unusedFields(raw, base, EDGECORE_USED)] };
}

/** Every field with its default, as YAML. */
export async function defaultConfigYaml(schema: z.ZodMiniType): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(check(schema, {}));
}

async function readYaml(text: string, file: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100, prettyErrors: true });
  } catch (cause) {
    throw configErrors.create('CONFIG_NOT_YAML', { file, problem: (cause as Error).message }, cause);
  }
  if (value === null || value === undefined) return {};
  if (!isRecord(value))
    throw configErrors.create('CONFIG_INVALID', { path: '(root)', problem: 'not a mapping' });
  return withoutNulls(value);
}

/** As in Go, an explicit null leaves the default in place. */
function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== null)
      .map(([key, entry]) => [key, isRecord(entry) ? withoutNulls(entry) : entry]),
  );
}

function check<S extends z.ZodMiniType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as z.infer<S>;
  const [issue] = parsed.error.issues.flatMap((entry) => issuesOf(entry));
  throw configErrors.create('CONFIG_INVALID', {
    path: issue?.path ?? '(root)',
    problem: issue?.problem ?? 'invalid',
  });
}

function unusedFields(file: unknown, defaults: unknown, used: readonly string[], path = ''): string[] {
  if (used.includes(path)) return [];
  if (!isRecord(file)) {
    return JSON.stringify(file) === JSON.stringify(defaults)
      ? []
      : [`${path}: ${JSON.stringify(file)} has no effect in this version`];
  }
  return Object.entries(file).flatMap(([key, value]) =>
    unusedFields(value, isRecord(defaults) ? defaults[key] : undefined, used, path ? `${path}.${key}` : key),
  );
}
