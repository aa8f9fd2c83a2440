export { createContainerGc } from './container-gc.ts';
export { createImageGc } from './image-gc.ts';
