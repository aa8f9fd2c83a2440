import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { TOKEN_ISSUER } from '../auth/service-account-tokens.ts';
import * as discovery from '../discovery/discovery.ts';
import { type HealthCheck, healthAnswer } from '../discovery/health.ts';
import {
  OPENAPI_PROTOBUF,
  OPENAPI_PROTOBUF_ASKED,
  openApiV2Document,
  openApiV2Protobuf,
  openApiV3Document,
  openApiV3Index,
  parseDocumentPath,
} from '../discovery/openapi.ts';
import type { Registry } from '../registry/registry.ts';
import { isTrue } from '../rest/request-info.ts';

/** An answer on a path that is no resource. */
export interface PathAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

export interface PathRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
}

export interface PathRoutesOptions {
  readonly registry: Registry;
  readonly tokens: ServiceAccountTokens;
  readonly checks: readonly HealthCheck[];
  /** `host:port`, for /api. */
  readonly serverAddress: string;
}

const VERSION = {
  major: '1',
  minor: '31',
  gitVersion: 'v1.31.0+kubeedge-ts',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

export const NOT_FOUND_PAGE: PathAnswer = {
  status: 404,
  contentType: 'text/plain; charset=utf-8',
  body: '404 page not found\n',
};

/**
 * GET on paths that are no resources. Who may is decided before by the roles in auth/bootstrap-roles.ts:
 * /healthz, /livez, /readyz and /version are open to anyone, because load balancers and clients probe them before
 * they have credentials; everything else needs an authenticated user.
 */
export function createPathRoutes(options: PathRoutesOptions) {
  const { registry, tokens } = options;
  const documents = cacheByGeneration(registry);

  return async ({ path, query, accept }: PathRequest): Promise<PathAnswer> => {
    const aggregated = discovery.wantsAggregated(accept);
    switch (path) {
      case '/version':
      case '/version/':
        return json(VERSION);
      case '/healthz':
      case '/livez':
      case '/readyz': {
        const { status, text } = healthAnswer(path, options.checks, isTrue(query.get('verbose')));
        return { status, contentType: 'text/plain; charset=utf-8', body: text };
      }
      case '/api':
      case '/api/':
        return aggregated
          ? aggregate(documents('api-aggregated', () => discovery.aggregatedDiscovery(registry, true)))
          : json(discovery.legacyVersions(options.serverAddress));
      case '/apis':
      case '/apis/':
        return aggregated
          ? aggregate(documents('apis-aggregated', () => discovery.aggregatedDiscovery(registry, false)))
          : json(discovery.groupList(registry));
      case '/openapi/v2':
        if (accept?.includes(OPENAPI_PROTOBUF_ASKED))
          return { status: 200, contentType: OPENAPI_PROTOBUF, body: openApiV2Protobuf() };
        return text(documents('v2', () => openApiV2Document(registry)));
      case '/openapi/v3':
        return text(documents('v3', () => openApiV3Index(registry)));
      case '/openid/v1/jwks':
        return { ...json(await tokens.jwks()), contentType: 'application/jwk-set+json' };
      case '/.well-known/openid-configuration':
        return json({
          issuer: TOKEN_ISSUER,
          jwks_uri: `https://${options.serverAddress}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        });
      default:
        return nested(path);
    }
  };

  function nested(path: string): PathAnswer {
    if (path.startsWith('/openapi/v3/')) {
      const wanted = parseDocumentPath(path.slice('/openapi/v3/'.length));
      if (wanted === undefined) return NOT_FOUND_PAGE;
      const { group, version } = wanted;
      if (registry.resources(group, version).length === 0) return NOT_FOUND_PAGE;
      return text(documents(path, () => openApiV3Document(registry, group, version)));
    }
    const [, root, group = '', version] = path.replace(/\/$/, '').split('/');
    if (path === '/api/v1' || path === '/api/v1/') return json(discovery.resourceList(registry, '', 'v1'));
    if (root !== 'apis' || path.split('/').length > 5) return NOT_FOUND_PAGE;
    if (version !== undefined) {
      return registry.hasGroupVersion(group, version)
        ? json(discovery.resourceList(registry, group, version))
        : NOT_FOUND_PAGE;
    }
    const single = discovery.singleGroup(registry, group);
    return single === undefined ? NOT_FOUND_PAGE : json(single);
  }
}

/** Keeps serialised documents until the set of resources changes. */
function cacheByGeneration(registry: Registry) {
  let generation = -1;
  const cache = new Map<string, string>();
  return (name: string, make: () => unknown): string => {
    if (generation !== registry.generation) {
      cache.clear();
      generation = registry.generation;
    }
    let document = cache.get(name);
    if (document === undefined) {
      document = JSON.stringify(make());
      cache.set(name, document);
    }
    return document;
  };
}

function text(body: string): PathAnswer {
  return { status: 200, contentType: 'application/json', body };
}

function json(value: unknown): PathAnswer {
  return text(JSON.stringify(value));
}

function aggregate(body: string): PathAnswer {
  return { status: 200, contentType: discovery.AGGREGATED_CONTENT_TYPE, body };
}
