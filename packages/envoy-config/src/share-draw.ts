/** The number of values of the random number that a request draws: the unit of `RouteShare`. */
export const wholeShare = 1_000_000;
