import { request } from "undici";

export interface ReadinessOptions {
  /**
   * True after the first scrape attempt of every endpoint of the primary pools. Asked until it is true once: endpoints
   * that come later don't make the sidecar unready.
   */
  readonly hasScraped: () => boolean;
  /** The pool that gateways ask for, while it does not exist: an API server may have it later. */
  readonly absentPool?: () => string | undefined;
  /** Envoy's admin interface, if readiness includes Envoy. */
  readonly envoyAdmin: string | undefined;
  /** Sets the health status that the gateway sees. */
  readonly setServing: (isServing: boolean) => void;
}

/** Readiness of the sidecar: without metrics, its picks would be blind. */
export interface Readiness {
  /** Becomes ready after the first scrape attempts. */
  begin(): void;
  /** Becomes not ready permanently. */
  end(): void;
  /** Returns what is missing; empty when ready. */
  missing(): Promise<readonly string[]>;
}

const checkEveryMs = 20;

export function createReadiness(options: ReadinessOptions): Readiness {
  const { envoyAdmin, setServing } = options;
  let isEnding = false;
  let hasScrapedOnce = false;
  let checking: NodeJS.Timeout | undefined;

  /** Asked until it exists once, as a pool that leaves is not this sidecar's fault. */
  function absentPool(): string | undefined {
    return hasScrapedOnce ? undefined : options.absentPool?.();
  }

  function hasScraped(): boolean {
    hasScrapedOnce ||= absentPool() === undefined && options.hasScraped();
    return hasScrapedOnce;
  }

  function begin(): void {
    if (hasScraped()) setServing(true);
    else checking = setTimeout(begin, checkEveryMs);
  }

  return {
    begin,
    end() {
      isEnding = true;
      clearTimeout(checking);
      setServing(false);
    },
    async missing() {
      const missing: string[] = [];
      if (isEnding) missing.push("this sidecar is shutting down");
      const absent = absentPool();
      if (absent !== undefined) missing.push(`the pool ${absent}, which does not exist yet`);
      else if (!hasScraped()) missing.push("a first scrape of every endpoint");
      if (envoyAdmin !== undefined && !(await isEnvoyReady(envoyAdmin))) {
        missing.push(
          `Envoy (admin interface ${envoyAdmin}) is not ready or can't reach this sidecar`,
        );
      }
      return missing;
    },
  };
}

const timeoutMs = 1_000;

/** The cluster name from `umbra render`; an Envoy with another bootstrap may not have it. */
const pickersHealth = "^cluster\\.umbra-picker\\.membership_healthy$";

/**
 * Asks Envoy's admin interface whether Envoy is live and considers this sidecar healthy. False if there is no answer
 * within a second.
 */
async function isEnvoyReady(envoyAdmin: string): Promise<boolean> {
  try {
    if ((await get(envoyAdmin, "/ready")).status !== 200) return false;
    const filter = encodeURIComponent(pickersHealth);
    const { text } = await get(envoyAdmin, `/stats?format=json&filter=${filter}`);
    const { stats } = JSON.parse(text) as { readonly stats: readonly { value?: number }[] };
    return stats.every(({ value }) => value !== 0);
  } catch {
    // Not started yet or gone: both mean "not ready".
    return false;
  }
}

async function get(
  envoyAdmin: string,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const { statusCode, body } = await request(`http://${envoyAdmin}${path}`, {
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: statusCode, text: await body.text() };
}
