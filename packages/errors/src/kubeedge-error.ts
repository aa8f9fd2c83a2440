/** What an error of the catalogue says about itself; the documentation page is generated from these. */
export interface ErrorDefinition {
  /** One sentence with `{placeholders}` filled from the details. Says what happened and names the value or path. */
  readonly message: string;
  /** What the reader should do about it. */
  readonly advice: string;
}

export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** The only error class of the project. `code` is stable and documented in `docs/errors.md`. */
export class KubeEdgeError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;
  readonly advice: string;

  constructor(code: string, definition: ErrorDefinition, details: ErrorDetails, cause?: unknown) {
    super(fill(definition.message, details), cause === undefined ? undefined : { cause });
    this.name = 'KubeEdgeError';
    this.code = code;
    this.details = details;
    this.advice = definition.advice;
  }
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, key: string) => {
    const value = details[key];
    return value === undefined ? whole : String(value);
  });
}

export interface ErrorArea<Codes extends string> {
  readonly definitions: Readonly<Record<Codes, ErrorDefinition>>;
  /** Creates (does not throw) the error of that code. */
  create(code: Codes, details?: ErrorDetails, cause?: unknown): KubeEdgeError;
}

/** Declares the errors of one area; codes are upper snake case and start with the area's prefix. */
export function defineErrors<const Codes extends string>(
  definitions: Readonly<Record<Codes, ErrorDefinition>>,
): ErrorArea<Codes> {
  return {
    definitions,
    create: (code, details = {}, cause) => new KubeEdgeError(code, definitions[code], details, cause),
  };
}

/** True when `error` is a catalogue error, of `code` if one is given. */
export function isKubeEdgeError(error: unknown, code?: string): error is KubeEdgeError {
  return error instanceof KubeEdgeError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown, with the chain of causes; a cause that the message quotes is not repeated. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  // an object that is no error has no words of its own
  if (error.cause === undefined || (typeof error.cause === 'object' && !(error.cause instanceof Error)))
    return message;
  const cause = errorText(error.cause);
  return message.includes(cause) ? message : `${message}: ${cause}`;
}
