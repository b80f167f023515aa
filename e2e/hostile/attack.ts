import type { Target } from "./target.ts";

/** Through what an attack comes. */
export type Way = "client" | "shadow" | "endpoint" | "grpc" | "admin" | "files";

/** One thing that a stranger may do. */
export interface Attack {
  readonly name: string;
  readonly way: Way;
  /**
   * Does it until the signal aborts, at a bounded rate, and leaves nothing behind. Returns what was not as it must be,
   * besides what honest clients see; undefined where all was.
   */
  readonly run: (target: Target, signal: AbortSignal) => Promise<string | undefined>;
}
