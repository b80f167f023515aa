import type { Endpoint } from "../model/endpoint.ts";

/** What an endpoint costs that answers nothing but errors, in prompt tokens; squared, so that a few cost little. */
const tokensPerErrors = 30_000;

/**
 * Work that errors stand for, in prompt tokens. An endpoint that refuses at once always looks idle: without this cost
 * it would draw the requests of the whole pool.
 */
export function errorCost({ errorShare }: Endpoint): number {
  return tokensPerErrors * errorShare * errorShare;
}
