import type { Refused } from "../result.ts";

interface Refusal {
  readonly code: Refused["code"];
  readonly by: Refused["by"] | undefined;
  readonly explanation: Refused["explanation"] | undefined;
  /** The pool's advice, for refusals that waiting may help. */
  readonly retryAfterMs: number;
}

/** Returns the result of a pick that found no endpoint. */
export function refused({ code, by, explanation, retryAfterMs }: Refusal): Refused {
  return {
    ok: false,
    code,
    ...(by === undefined ? {} : { by }),
    ...(code === "SHED" || code === "POOL_SATURATED" ? { retryAfterMs } : {}),
    ...(explanation === undefined ? {} : { explanation }),
  };
}
