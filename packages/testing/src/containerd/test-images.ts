import type { Containerd } from './containerd.ts';
import { busyboxVariant } from './oci-image.ts';

/** Images beside busybox, for what an image can say; `importTestImages` makes them. All have busybox's files. */
export const TEST_IMAGES = {
  /** `USER 1000` */
  userNumber: 'kubeedge-ts.local/user-number:1',
  /** `USER app`, who is 1001 */
  userName: 'kubeedge-ts.local/user-name:1',
  /** `ENTRYPOINT ["sh","-c"]`, `CMD ["while true; do sleep 1; done"]`, `ENV FROM_IMAGE=yes`, `WORKDIR /tmp` */
  entrypoint: 'kubeedge-ts.local/entrypoint:1',
  /** Nothing of its own: to be removed. */
  spare: 'kubeedge-ts.local/spare:1',
} as const;

export async function importTestImages(containerd: Pick<Containerd, 'importImages'>): Promise<void> {
  await containerd.importImages([
    await busyboxVariant([TEST_IMAGES.userNumber], { user: '1000' }),
    await busyboxVariant([TEST_IMAGES.userName], { user: 'app' }),
    await busyboxVariant([TEST_IMAGES.entrypoint], {
      entrypoint: ['sh', '-c'],
      command: ['while true; do sleep 1; done'],
      env: { FROM_IMAGE: 'yes' },
      workingDir: '/tmp',
    }),
    await busyboxVariant([TEST_IMAGES.spare], { env: { SPARE: '1' } }),
  ]);
}
