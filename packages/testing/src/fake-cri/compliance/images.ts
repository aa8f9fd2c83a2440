import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { isNotFound, type Subject } from './subject.ts';

export function imagePromises(subject: Subject): void {
  const imageOf = async (reference: string) =>
    (await subject.client.imageStatus({ image: { image: reference } })).image;

  test('an image is found by its name and by its id, and listed with its size', async () => {
    const byName = await imageOf(subject.cri.image);
    assert.ok(byName);
    assert.ok(byName.size > 0);
    assert.ok(byName.repoTags.includes(subject.cri.image));
    assert.equal((await imageOf(byName.id))?.id, byName.id);
    const { images } = await subject.client.listImages({});
    assert.ok(images.some(({ id, size }) => id === byName.id && size === byName.size));
  });

  test('an image that is not there has no status and no error; removing it is nothing to do', async () => {
    const image = { image: 'kubeedge-ts.local/none:1' };
    assert.equal((await subject.client.imageStatus({ image })).image, undefined);
    await subject.client.removeImage({ image });
  });

  test('a removed image is gone', async () => {
    const image = await imageOf(subject.cri.spareImage);
    assert.ok(image);
    await subject.client.removeImage({ image: { image: image.id } });
    assert.equal(await imageOf(subject.cri.spareImage), undefined);
    const { images } = await subject.client.listImages({});
    assert.ok(!images.some(({ id }) => id === image.id));
  });

  test('a pull of what no registry has fails and names it', async () => {
    const image = 'kubeedge-ts.local/none:1';
    await assert.rejects(
      subject.client.pullImage({ image: { image } }),
      (error) => (isKubeEdgeError(error, 'CRI_FAILED') || isNotFound(error)) && String(error).includes(image),
    );
  });

  test('a pulled image is there, with a digest; where there is a registry', async () => {
    const { pullable } = subject.cri;
    if (subject.differs('no-registry')) {
      assert.equal(pullable, undefined);
      return;
    }
    assert.ok(pullable);
    const { imageRef } = await subject.client.pullImage({ image: { image: pullable } });
    const image = await imageOf(imageRef);
    assert.deepEqual(image, await imageOf(pullable));
    assert.match(image?.repoDigests[0] ?? '', /@sha256:[0-9a-f]{64}$/);
  });

  test('the user of an image is told: a number, a name, or neither', async () => {
    const { users, image } = subject.cri;
    const userOf = async (reference: string) => {
      const found = await imageOf(reference);
      return [found?.uid?.value, found?.username];
    };
    assert.deepEqual(await userOf(users.number), [1000, '']);
    assert.deepEqual(await userOf(users.name), [undefined, 'app']);
    assert.deepEqual(await userOf(image), [undefined, '']);
  });

  test('the file system of the images says where it is and what is used', async () => {
    const { imageFilesystems } = await subject.client.imageFsInfo({});
    const [fs] = imageFilesystems;
    assert.match(fs?.fsId?.mountpoint ?? '', /^\//);
    assert.ok((fs?.timestamp ?? 0) > 0);
    assert.ok(fs?.usedBytes !== undefined && fs.usedBytes.value >= 0);
    assert.ok(fs.inodesUsed !== undefined);
  });
}
