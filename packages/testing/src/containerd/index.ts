export { removeCgroup, unmountBelow } from './cleanup.ts';
export * from './containerd.ts';
export { busyboxImage, type ImageFile, type ImageSource, ociArchive, pauseImage } from './oci-image.ts';
