/** Module and group names (spec/message-protocol.md §1.6). The value is what stands on the wire. */
export const CLOUD_MODULES = {
  cloudHub: 'cloudhub',
  edgeController: 'edgecontroller',
  deviceController: 'devicecontroller',
  syncController: 'synccontroller',
} as const;

export const EDGE_MODULES = {
  /** EdgeHub; the name is upstream's, whatever the transport. */
  edgeHub: 'websocket',
  edged: 'edged',
  metaManager: 'metamanager',
  deviceTwin: 'twin',
  eventBus: 'eventbus',
} as const;

export const GROUPS = {
  hub: 'hub',
  resource: 'resource',
  meta: 'meta',
  twin: 'twin',
  bus: 'bus',
  user: 'user',
  edged: 'edged',
} as const;

export const OPERATIONS = {
  insert: 'insert',
  update: 'update',
  delete: 'delete',
  query: 'query',
  patch: 'patch',
  response: 'response',
  error: 'error',
  upload: 'upload',
  keepalive: 'keepalive',
  connect: 'connect',
  get: 'get',
  publish: 'publish',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
  /** MetaServer to edged, never on the wire. */
  unholdUpgrade: 'unhold-upgrade',
} as const;

/** Content of an acknowledgement. */
export const OK = 'OK';
export const CLOUD_CONNECTED = 'cloud_connected';
export const CLOUD_DISCONNECTED = 'cloud_disconnected';
