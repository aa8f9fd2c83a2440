import { createHash } from 'node:crypto';
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
  deviceCrds,
  OWNED_BY,
  OWNED_LABEL,
  type Resource,
  reliableSyncCrds,
  webhookConversion,
} from '@kubeedge-ts/apis';
import { controllerErrors, errorText } from '@kubeedge-ts/errors';
import { isAlreadyExists, isConflict, isNotFound, isUnanswered, type KubeClient } from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';

const definitions = customResourceDefinitions as unknown as Resource<CustomResourceDefinition>;
/** Identity of the definition that was written, to leave an equal one alone. */
const DEFINITION_ANNOTATION = 'kubeedge-ts/definition';
const ESTABLISHED_MS = 30_000;

export interface CustomResourcesOptions {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'update'>;
  /** Where the API server reaches the webhook, e.g. `https://10.0.0.5:10002/crdconversion`, and the base64 PEM it trusts. */
  readonly conversion: { readonly url: string; readonly caBundle: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What became of each definition, by name. */
export type CustomResourcesOutcome = Readonly<
  Record<string, 'created' | 'updated' | 'unchanged' | 'foreign'>
>;

/**
 * Sees to it that the custom resources are served: creates definitions that are absent, brings ours up to date and
 * leaves those of others (an installation of upstream) as they are. Waits for the API server as long as it is away.
 *
 * @throws KubeEdgeError KUBE_STATUS when it refuses, CONTROLLER_CRD_NOT_ESTABLISHED
 */
export async function ensureCustomResources(
  options: CustomResourcesOptions,
): Promise<CustomResourcesOutcome> {
  const { url, caBundle } = options.conversion;
  const outcome: Record<string, CustomResourcesOutcome[string]> = {};
  for (const definition of [...deviceCrds(webhookConversion(url, caBundle)), ...reliableSyncCrds]) {
    const { name } = definition.metadata;
    const result = await persistently(options, () => ensureOne(marked(definition), options));
    outcome[name] = result;
    await established(name, options);
    if (result === 'foreign') {
      options.log.warn(
        { definition: name },
        'custom resource definition is not ours and was left as it is: older device versions are not converted',
      );
    } else options.log.info({ definition: name, result }, 'custom resource definition ready');
  }
  return outcome;
}

function marked(definition: CustomResourceDefinition): CustomResourceDefinition {
  const identity = createHash('sha256').update(JSON.stringify(definition.spec)).digest('base64url');
  const { metadata } = definition;
  return { ...definition, metadata: { ...metadata, annotations: { [DEFINITION_ANNOTATION]: identity } } };
}

async function ensureOne(
  wanted: CustomResourceDefinition,
  { kube, signal }: CustomResourcesOptions,
): Promise<CustomResourcesOutcome[string]> {
  const existing = await find(wanted.metadata.name, { kube, signal });
  if (existing === undefined) {
    await kube.create(definitions, wanted, { signal });
    return 'created';
  }
  const { labels, annotations } = existing.metadata;
  if (labels?.[OWNED_LABEL] !== OWNED_BY) return 'foreign';
  const identity = wanted.metadata.annotations?.[DEFINITION_ANNOTATION];
  if (annotations?.[DEFINITION_ANNOTATION] === identity) return 'unchanged';
  const metadata = { ...existing.metadata, annotations: { ...annotations, ...wanted.metadata.annotations } };
  await kube.update(definitions, { ...existing, metadata, spec: wanted.spec }, { signal });
  return 'updated';
}

async function find(
  name: string,
  { kube, signal }: Pick<CustomResourcesOptions, 'kube' | 'signal'>,
): Promise<CustomResourceDefinition | undefined> {
  try {
    return await kube.get(definitions, { name }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Repeats what another cloudcore interfered with, and what an API server that is away did not answer. */
async function persistently<T>(
  { clock, random, log, signal }: CustomResourcesOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff({ initialMs: 200, maxMs: 10_000 }, random);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const again = isUnanswered(error) || isConflict(error) || isAlreadyExists(error);
      if (!again || signal.aborted) throw error;
      log.warn({ err: errorText(error) }, 'custom resource definitions not written yet, will retry');
      await sleep(clock, backoff.next(), signal);
    }
  }
}

async function established(name: string, options: CustomResourcesOptions): Promise<void> {
  const { clock, signal } = options;
  const deadline = clock.monotonic() + ESTABLISHED_MS;
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 1_000)) {
    const definition = await persistently(options, () => find(name, options));
    const conditions = definition?.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    if (clock.monotonic() > deadline) {
      const refused = conditions.find(({ status }) => status === 'False');
      const problem = refused?.message ?? 'the API server has not accepted it';
      throw controllerErrors.create('CONTROLLER_CRD_NOT_ESTABLISHED', {
        name,
        seconds: ESTABLISHED_MS / 1000,
        problem,
      });
    }
    await sleep(clock, waitMs, signal);
  }
}
