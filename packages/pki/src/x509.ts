// tsyringe, a part of @peculiar/x509, needs the polyfill before it loads. Import @peculiar/x509 through this file only.
import 'reflect-metadata';

export * from '@peculiar/x509';
