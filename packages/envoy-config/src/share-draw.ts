/** How many numbers a request draws one of: `RouteShare` counts in it. */
export const wholeShare = 1_000_000;
