import type { UnknownObject } from '@kubeedge-ts/apis';
import { records } from '../registry/pod-defaults.ts';
import type { JsonObject } from '../registry/types.ts';

const SECONDS = 300;
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** A pod that says nothing about a lost node is moved after five minutes. */
export function admitTolerations(pod: UnknownObject): void {
  const spec = pod['spec'] as JsonObject;
  const given = records(spec['tolerations']);
  const added = TAINTS.filter((key) => !given.some((toleration) => tolerates(toleration, key))).map(
    (key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: SECONDS,
    }),
  );
  if (added.length > 0) spec['tolerations'] = [...given, ...added];
}

function tolerates({ key, effect }: JsonObject, taint: string): boolean {
  const anyKey = key === undefined || key === '' || key === taint;
  return anyKey && (effect === undefined || effect === '' || effect === 'NoExecute');
}
