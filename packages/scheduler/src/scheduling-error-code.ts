/**
 * Why a request was refused. Stable: appears in logs, metric labels and answers.
 *
 * `POOL_EMPTY`: the pool has no endpoints. `NO_ELIGIBLE_ENDPOINT`: the request may not go to any of its endpoints.
 * `POOL_SATURATED`: all endpoints the request may go to are saturated. `SHED`: the request is sheddable and the pool is
 * saturated.
 */
export type SchedulingErrorCode = "POOL_EMPTY" | "NO_ELIGIBLE_ENDPOINT" | "POOL_SATURATED" | "SHED";
