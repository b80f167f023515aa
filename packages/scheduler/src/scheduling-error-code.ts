/**
 * Why a request was not placed. Stable: shows in logs, metric labels and answers.
 *
 * `POOL_EMPTY`: the pool has no endpoint. `NO_ELIGIBLE_ENDPOINT`: it has some, and the request may go to none of
 * them. `POOL_SATURATED`: all that it may go to are full. `SHED`: it is sheddable, and the pool is saturated.
 */
export type SchedulingErrorCode = "POOL_EMPTY" | "NO_ELIGIBLE_ENDPOINT" | "POOL_SATURATED" | "SHED";
