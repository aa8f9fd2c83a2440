/** What one try of a probe came to, with the text that users see in events. */
export type TryOutcome =
  | { readonly is: 'success' | 'warning' | 'failure'; readonly output: string }
  /** It could not be told; nothing follows from it. `quiet`: what is wrong is said elsewhere. */
  | { readonly is: 'error'; readonly problem: string; readonly quiet?: true };
