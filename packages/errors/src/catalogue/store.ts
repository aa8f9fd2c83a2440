import { defineErrors } from '../kubeedge-error.ts';

export const storeErrors = defineErrors({
  STORE_FULL: {
    message: 'no space left for database {path}',
    advice:
      'Free space on the file system; nothing was stored, the caller retries and work goes on by itself.',
  },
  STORE_FAILED: {
    message: 'database {path}: {problem}',
    advice:
      'Look at the cause; the call had no effect. If the file is locked, end the other program that uses it.',
  },
  STORE_BUSY: {
    message: 'database {path} has {calls} calls ({bytes} bytes) waiting',
    advice: 'The disk does not keep up; the caller must retry later.',
  },
  STORE_CLOSED: {
    message: 'database {path} is closed',
    advice: 'The program is stopping; nothing was stored.',
  },
  STORE_DAMAGED: {
    message: 'database {path} is damaged: {problem}',
    advice:
      'Restart the program: a damaged file is set aside as <path>.damaged-<time> and a fresh one is filled from the cloud. Check the disk.',
  },
  STORE_SCHEMA_NEWER: {
    message: 'database {path} has schema version {found}, this program knows {known}',
    advice: 'Start the newer version of the program again; schema changes go forward only.',
  },
});
