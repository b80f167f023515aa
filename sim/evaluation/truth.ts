import type { Draws } from "./draws.ts";

/** How the shadow differs from the primary. What is absent is equal. */
export interface Truth {
  /** Factor on the shadow's TTFT. */
  readonly ttft?: (request: Moment, draws: Draws) => number;
  /** Factor on the shadow's time per token. */
  readonly tpot?: number;
  /** Factor on the shadow's whole (not streamed) answers. */
  readonly whole?: number;
  /** The slowest answers of the shadow are stretched: a quantile above `from` grows by `factor`, one below stays. */
  readonly tail?: {
    readonly of: "ttft" | "tpot" | "whole";
    readonly from: number;
    readonly factor: number;
  };
}

export interface Moment {
  /** Share of the run that has passed, 0 to 1. */
  readonly passed: number;
  /** Index in `Traffic.prompts`. */
  readonly kind: number;
}

export const equal: Truth = {};

/** The shadow's TTFT is `factor` times the primary's, always. */
export function slower(factor: number): Truth {
  return { ttft: () => factor };
}

/** `share` of the shadow's requests, drawn at random, take `factor` times as long. */
export function someSlower(share: number, factor: number): Truth {
  return { ttft: (_, draws) => (draws.unit() < share ? factor : 1) };
}

/** Prompts of one kind take `factor` times as long. */
export function kindSlower(kind: number, factor: number): Truth {
  return { ttft: (request) => (request.kind === kind ? factor : 1) };
}
