import type { Route } from '../cloudhub/https/route.ts';
import { answerReview, MAX_REVIEW_BYTES } from './conversion-review.ts';

export const CONVERSION_PATH = '/crdconversion';

/** The webhook that the definitions of Device and DeviceModel name; for the table of the 10002 listener. */
export function conversionRoute(): Route {
  return {
    method: 'POST',
    path: CONVERSION_PATH,
    identity: 'anyone',
    reason:
      'The API server calls webhooks without a credential unless it is configured to; the answer depends on nothing but the request.',
    maxBodyBytes: MAX_REVIEW_BYTES,
    handler: async ({ body }) => {
      const answer = answerReview(body);
      return {
        ...answer,
        contentType: answer.status === 200 ? 'application/json' : 'text/plain; charset=utf-8',
      };
    },
  };
}
