import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import {
  matchesFields,
  matchesLabelSelector,
  matchesRequirements,
  parseFieldSelector,
  parseLabelSelector,
} from './selectors.ts';

describe('a label selector', () => {
  const labels = { app: 'web', 'example.com/tier': 'front', empty: '' };
  const cases: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app == web', true],
    ['app=api', false],
    ['app!=api', true],
    ['app!=web', false],
    ['other!=x', true],
    ['app in (api, web)', true],
    ['app in (api)', false],
    ['app notin (api),example.com/tier=front', true],
    ['other notin (x)', true],
    ['app', true],
    ['!app', false],
    ['!other,app', true],
    ['empty=', true],
    ['app=', false],
    ['constructor', false],
  ];
  for (const [selector, wanted] of cases) {
    test(`"${selector}" ${wanted ? 'fits' : 'does not fit'}`, () => {
      assert.equal(matchesRequirements(parseLabelSelector(selector), labels), wanted);
    });
  }

  test('that cannot be parsed is refused', () => {
    for (const bad of ['a=(b', 'a in b', '=b', 'a=b c', '-a=b', 'a in (b']) {
      assert.throws(
        () => parseLabelSelector(bad),
        (error) => isKubeEdgeError(error, 'KUBE_SELECTOR_INVALID'),
        bad,
      );
    }
  });

  test('of any text is parsed or refused', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseLabelSelector(text);
          parseFieldSelector(text);
        } catch (error) {
          assert.ok(isKubeEdgeError(error, 'KUBE_SELECTOR_INVALID'));
        }
      }),
    );
  });

  test('in its structured form joins labels and expressions; an absent one fits nothing', () => {
    const matchExpressions = [{ key: 'app', operator: 'In', values: ['web'] }];
    assert.equal(matchesLabelSelector({ matchLabels: { empty: '' }, matchExpressions }, labels), true);
    assert.equal(matchesLabelSelector({ matchLabels: { empty: 'x' }, matchExpressions }, labels), false);
    assert.equal(matchesLabelSelector({}, labels), true);
    assert.equal(matchesLabelSelector(undefined, labels), false);
  });
});

test('a field selector reads dotted paths and takes what is absent for empty', () => {
  const pod = { metadata: { name: 'p' }, spec: { nodeName: 'n' } };
  for (const [selector, wanted] of [
    ['spec.nodeName=n,metadata.name==p', true],
    ['spec.nodeName!=n', false],
    ['status.phase=', true],
    ['status.phase!=Running', true],
  ] as const) {
    assert.equal(matchesFields(parseFieldSelector(selector), pod), wanted, selector);
  }
});
