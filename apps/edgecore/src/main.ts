// edgecore: the boot script.
import { createLogger } from '@kubeedge-ts/runtime';
import { readStartOrder } from './config-child.ts';
import { runEdgeCore } from './program.ts';

const order = readStartOrder(process.argv.slice(2));
if (typeof order === 'number') process.exit(order);
runEdgeCore(order.config, createLogger('edgecore', order.logLevel), order.configFile).then((code) =>
  process.exit(code),
);
