/** Default maximum number of retries of a request. */
export const defaultAttempts = 2;
