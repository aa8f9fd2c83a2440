export * from './catalogue/index.ts';
export * from './kubeedge-error.ts';
