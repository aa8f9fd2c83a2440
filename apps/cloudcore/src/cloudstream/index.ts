export { type CloudStream, type CloudStreamOptions, createCloudStream } from './cloud-stream.ts';
export { tunnelMaterial } from './tunnel-material.ts';
