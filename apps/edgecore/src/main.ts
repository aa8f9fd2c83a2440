// edgecore: the boot script.
import { createLogger, systemClock } from '@kubeedge-ts/runtime';
import { collectWhenIdle, thoroughCollection } from '@kubeedge-ts/runtime/idle-collector';
import { readStartOrder } from './config-child.ts';
import { runEdgeCore } from './program.ts';

/** Microseconds of CPU per 5 s above which the agent is not idle: 5 %. */
const BUSY_ABOVE = 250_000;

const order = readStartOrder(process.argv.slice(2));
if (typeof order === 'number') process.exit(order);
const stopped = new AbortController();
const collect = thoroughCollection();
if (collect !== undefined) {
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  const size = () => process.memoryUsage.rss();
  collectWhenIdle({ clock: systemClock, work: cpu, busyAbove: BUSY_ABOVE, size, collect }, stopped.signal);
}
runEdgeCore(order.config, createLogger('edgecore', order.logLevel), order.configFile).then((code) => {
  stopped.abort();
  process.exit(code);
});
