import type { DeviceDriver, Random } from '@kubeedge-ts/mapper-sdk';

/** A quantity that drifts around its usual value and never leaves the sensor's range. */
interface Drift {
  value: number;
  readonly usual: number;
  /** Change per step at most, before the pull back to the usual value. */
  readonly step: number;
  readonly min: number;
  readonly max: number;
}

/** Share of the distance to the usual value that a step takes back. */
const PULL = 0.05;

export function nextValue(drift: Drift, random: Random): number {
  const moved = drift.value + (random.next() * 2 - 1) * drift.step + (drift.usual - drift.value) * PULL;
  return Math.min(drift.max, Math.max(drift.min, moved));
}

/** A DHT11: 0–50 °C and 20–90 % relative humidity, one decimal. Each read is a new measurement. */
export function createDht11(random: Random): DeviceDriver {
  const drifts = new Map<string, Drift>([
    ['temperature', { value: 22, usual: 22, step: 0.3, min: 0, max: 50 }],
    ['humidity', { value: 55, usual: 55, step: 0.8, min: 20, max: 90 }],
  ]);
  return {
    async read(property) {
      const drift = drifts.get(property);
      if (drift === undefined) throw new RangeError(`a DHT11 does not measure ${property}`);
      drift.value = nextValue(drift, random);
      return drift.value.toFixed(1);
    },
    async write(property) {
      throw new RangeError(`${property} of a DHT11 cannot be set`);
    },
  };
}
