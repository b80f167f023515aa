import type { ApiClient } from "../api/api-client.ts";
import { isKubernetesError } from "../api/kubernetes-error.ts";

export interface ReachabilityOptions {
  readonly client: ApiClient;
  readonly signal: AbortSignal;
  /** Time between two questions, give or take a quarter. */
  readonly everyMs: number;
  readonly random: () => number;
  /** Called once the API server answers again. */
  readonly onReachable: () => void;
}

/**
 * While the API server is away, asks it for its version, so that no kind has to wait for the end of its own back-off:
 * one small request every second or two instead of one for each kind.
 */
export class Reachability {
  readonly #options: ReachabilityOptions;
  #asking: Promise<void> | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
  }

  /** Says that a request got no answer. */
  lost(): void {
    this.#asking ??= this.#askUntilReachable().finally(() => {
      this.#asking = undefined;
    });
  }

  /** Resolves once nothing is asked any more; after an abort of the signal, that is soon. */
  async ended(): Promise<void> {
    await this.#asking;
  }

  async #askUntilReachable(): Promise<void> {
    const { signal, everyMs, random, onReachable } = this.#options;
    while (!signal.aborted) {
      await pause(everyMs * (0.75 + random() / 2), signal);
      if (signal.aborted || !(await this.#answers())) continue;
      onReachable();
      return;
    }
  }

  /** Any answer will do, a refusal too. */
  async #answers(): Promise<boolean> {
    const { client, signal, everyMs } = this.#options;
    try {
      const limit = AbortSignal.timeout(2 * everyMs);
      await client.request({
        method: "GET",
        path: "/version",
        signal: AbortSignal.any([signal, limit]),
      });
      return true;
    } catch (cause) {
      return isKubernetesError(cause) && cause.code === "REFUSED";
    }
  }
}

/** Waits, but not past an abort. Never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
