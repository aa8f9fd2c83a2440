export { type EdgeStreamConfig, edgeStreamConfigOf } from './config.ts';
export { tunnelCredentials } from './credentials.ts';
export { createEdgeStream, type EdgeStream, type EdgeStreamOptions } from './edge-stream.ts';
