import type { DeviceDriver } from '@kubeedge-ts/mapper-sdk';

export const MAX_SPEED = 3000;

/** A fan with a speed in revolutions per minute. */
export function createFan(): DeviceDriver {
  let speed = 0;
  return {
    async read() {
      return String(speed);
    },
    async write(_, value) {
      const wanted = Number(value);
      if (!Number.isInteger(wanted) || wanted < 0 || wanted > MAX_SPEED) {
        throw new RangeError(`speed must be an integer from 0 to ${MAX_SPEED}`);
      }
      speed = wanted;
    },
  };
}
