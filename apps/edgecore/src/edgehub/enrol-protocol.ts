import type { ErrorDetails } from '@kubeedge-ts/errors';

/** What the enrolment child reads from standard input: keys and tokens never stand on a command line. */
export type EnrolRequest =
  | {
      readonly action: 'enrol';
      readonly httpServer: string;
      readonly nodeName: string;
      readonly token: string;
    }
  | {
      readonly action: 'renew';
      readonly httpServer: string;
      readonly nodeName: string;
      readonly current: Credentials;
    };

/** PEM texts. */
export interface Credentials {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** What it writes to standard output. */
export type EnrolResult =
  | { readonly credentials: Credentials }
  | {
      readonly error: {
        readonly code: string;
        readonly message: string;
        readonly advice: string;
        readonly details: ErrorDetails;
      };
    };
