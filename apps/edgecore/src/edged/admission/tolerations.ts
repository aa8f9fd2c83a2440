import type { Pod } from '@kubeedge-ts/apis';
import type { Taint } from '../config.ts';

export function tolerates({ spec }: Pod, taint: Taint): boolean {
  return (spec?.tolerations ?? []).some(({ effect, key, operator, value }) => {
    if (effect && effect !== taint.effect) return false;
    if (key && key !== taint.key) return false;
    if (operator === 'Exists') return true;
    return (operator === undefined || operator === 'Equal') && (value ?? '') === (taint.value ?? '');
  });
}
