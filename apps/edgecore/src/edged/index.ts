export { type EdgedConfig, edgedConfigOf } from './config.ts';
export { createEdged, type Edged, type EdgedOptions } from './edged.ts';
export { type Host, systemHost } from './host.ts';
export { addressesOf } from './node/addresses.ts';
