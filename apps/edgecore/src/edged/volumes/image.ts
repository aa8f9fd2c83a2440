import type { VolumePlugin } from './plugin.ts';
import { volumeProblem } from './problems.ts';

/** The files of an OCI image or artifact; pulled like a container's image and mounted by the runtime (CRI `mount.image`). */
export const imagePlugin: VolumePlugin = {
  name: undefined,
  async prepare({ volume }) {
    const { reference = '', pullPolicy } = volume.image ?? {};
    if (reference === '') throw volumeProblem(volume.name, 'an image volume needs a reference');
    return { source: { kind: 'image', reference, pullPolicy }, readOnly: true };
  },
};
