/** How often a request is tried again at most, unless its rule says so. */
export const defaultAttempts = 2;
