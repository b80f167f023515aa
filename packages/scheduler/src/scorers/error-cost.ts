import type { Endpoint } from "../model/endpoint.ts";

/** What an endpoint costs that answers nothing but errors, in prompt tokens; squared, so that a few cost little. */
const tokensPerErrors = 30_000;
/**
 * The cost for each token of the prompt. With 2, a share of errors of one half outweighs a prompt that is cached as a
 * whole.
 */
const promptWeight = 2;

/**
 * Work that errors stand for, in prompt tokens. An endpoint that refuses at once always looks idle: without this cost
 * it would draw the requests of the whole pool.
 */
export function errorCost({ errorShare }: Endpoint, promptTokens: number): number {
  return (tokensPerErrors + promptWeight * promptTokens) * errorShare * errorShare;
}
