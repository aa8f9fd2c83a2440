export { removeCgroup, unmountBelow } from './cleanup.ts';
export * from './containerd.ts';
export {
  busyboxImage,
  busyboxVariant,
  type ImageFile,
  type ImageSource,
  ociArchive,
  pauseImage,
} from './oci-image.ts';
export { type Registry, startRegistry } from './registry.ts';
export { importTestImages, TEST_IMAGES } from './test-images.ts';
