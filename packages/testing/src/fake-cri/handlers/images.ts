import type { Image } from '@kubeedge-ts/cri';
import type { Backend, Handlers } from '../backend.ts';

/** The image service. */
export function imageHandlers({ images, personality }: Backend): Handlers {
  const seen = (image: Image): Image =>
    personality.prefixedImageIds ? image : { ...image, id: image.id.replace('sha256:', '') };

  return {
    ListImages: ({ filter }) => {
      const wanted = filter?.image?.image;
      const all = images.list();
      // containerd lists everything, whatever the filter says.
      return {
        images: (wanted && personality.name === 'cri-o'
          ? all.filter(({ id }) => images.find(wanted)?.id === id)
          : all
        ).map(seen),
      };
    },
    ImageStatus: ({ image }) => {
      const found = images.find(image?.image ?? '');
      return found === undefined ? {} : { image: seen(found) };
    },
    PullImage: ({ image, auth }) => {
      const id = images.pull(image?.image ?? '', auth);
      return { imageRef: personality.prefixedImageIds ? id : (images.find(id)?.repoDigests[0] ?? id) };
    },
    RemoveImage: ({ image }) => {
      images.remove(image?.image ?? '');
      return {};
    },
  };
}
