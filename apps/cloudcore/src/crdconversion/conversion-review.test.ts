import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answerReview } from './conversion-review.ts';

const device = {
  apiVersion: 'devices.kubeedge.io/v1alpha2',
  kind: 'Device',
  metadata: { name: 'd', namespace: 'n', uid: 'u', resourceVersion: '7' },
  spec: { deviceModelRef: { name: 'm' } },
};

const reviewOf = (request: object): Buffer =>
  Buffer.from(JSON.stringify({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', request }));

test('every object of a review is converted, metadata but the annotations untouched', () => {
  const answer = answerReview(
    reviewOf({ uid: 'r1', desiredAPIVersion: 'devices.kubeedge.io/v1beta1', objects: [device, device] }),
  );
  assert.equal(answer.status, 200);
  const { response, kind } = JSON.parse(answer.body);
  assert.equal(kind, 'ConversionReview');
  assert.equal(response.uid, 'r1');
  assert.deepEqual(response.result, { status: 'Success' });
  assert.equal(response.convertedObjects.length, 2);
  const { annotations, ...metadata } = response.convertedObjects[1].metadata;
  assert.deepEqual(metadata, device.metadata);
  assert.deepEqual(annotations, { 'devices.kubeedge.io/created-as': 'v1alpha2' });
  assert.equal(response.convertedObjects[1].apiVersion, 'devices.kubeedge.io/v1beta1');
});

test('an object that cannot be converted fails the review and names itself', () => {
  const objects = [device, { ...device, kind: 'Pod' }];
  const answer = answerReview(
    reviewOf({ uid: 'r2', desiredAPIVersion: 'devices.kubeedge.io/v1beta1', objects }),
  );
  const { response } = JSON.parse(answer.body);
  assert.equal(answer.status, 200);
  assert.equal(response.uid, 'r2');
  assert.deepEqual(response.result, { status: 'Failure', message: 'object 1: kind Pod cannot be converted' });
  assert.equal(response.convertedObjects, undefined);
});

test('a version nobody knows fails the review', () => {
  const answer = answerReview(
    reviewOf({ uid: 'r', desiredAPIVersion: 'devices.kubeedge.io/v9', objects: [device] }),
  );
  assert.equal(JSON.parse(answer.body).response.result.status, 'Failure');
});

const GARBAGE: readonly (string | object)[] = [
  '',
  'null',
  '[]',
  '"x"',
  '{',
  '{"__proto__":{}}',
  { apiVersion: 'apiextensions.k8s.io/v1beta1', kind: 'ConversionReview', request: {} },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview' },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', request: null },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', request: { uid: 1 } },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: { uid: 'u', desiredAPIVersion: 'v1', objects: [] },
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: { uid: 'u', desiredAPIVersion: 'devices.kubeedge.io/v1beta1', objects: {} },
  },
];

for (const garbage of GARBAGE) {
  const text = typeof garbage === 'string' ? garbage : JSON.stringify(garbage);
  test(`no review: ${text.slice(0, 60)} is answered with 400`, () => {
    assert.equal(answerReview(Buffer.from(text)).status, 400);
  });
}

test('__proto__ as a text is no reason to refuse a body', () => {
  const request = { uid: 'u', desiredAPIVersion: 'devices.kubeedge.io/v1alpha1', objects: [[['__proto__']]] };
  assert.equal(answerReview(reviewOf(request)).status, 200);
});

test('no body makes the handler throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => answerReview(Buffer.from(bytes)).status === 400),
  );
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (objects) => {
      const request = { uid: 'u', desiredAPIVersion: 'devices.kubeedge.io/v1alpha1', objects };
      const body = reviewOf(request);
      // A key __proto__ is refused with the whole body; as a text it is one like any other.
      assert.equal(answerReview(body).status, body.includes('"__proto__":') ? 400 : 200);
    }),
  );
});
