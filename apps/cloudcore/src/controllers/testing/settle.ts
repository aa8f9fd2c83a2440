import assert from 'node:assert/strict';
import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import type { FakeKube } from '@kubeedge-ts/kube/testing';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits, without any clock, until `condition` returns something true; fails after many turns of the event loop. */
export async function until<T>(condition: () => T | undefined | false, what: string): Promise<T> {
  for (let turns = 0; turns < 2_000; turns++) {
    const value = condition();
    if (value) return value;
    await turn();
  }
  return assert.fail(`never happened: ${what}`);
}

/** Lets everything that is under way come to rest. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

/** Stores an object with the UID it has; the fake API would give it a new one. */
export function seed<T extends KubeObject>(kube: FakeKube, resource: Resource<T>, object: T): T {
  kube.put(resource, object);
  return kube.put(resource, object);
}
