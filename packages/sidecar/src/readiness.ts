import { request } from "undici";

export interface ReadinessOptions {
  /** True once a first scrape of every endpoint of the primary pools was tried. */
  readonly hasScraped: () => boolean;
  /** Envoy's admin interface, when readiness includes Envoy. */
  readonly envoyAdmin: string | undefined;
  /** Says to the gateway that picks are served, or no longer. */
  readonly setServing: (isServing: boolean) => void;
}

/** Whether the sidecar serves: the picks of one that has seen no metrics are blind. */
export interface Readiness {
  /** Serves as soon as the first scrapes were tried. */
  begin(): void;
  /** Serves no more. */
  end(): void;
  /** What is missing; empty where nothing is. */
  missing(): Promise<readonly string[]>;
}

const lookEveryMs = 20;

export function createReadiness(options: ReadinessOptions): Readiness {
  const { hasScraped, envoyAdmin, setServing } = options;
  let isEnding = false;
  let looking: NodeJS.Timeout | undefined;

  function begin(): void {
    if (hasScraped()) setServing(true);
    else looking = setTimeout(begin, lookEveryMs);
  }

  return {
    begin,
    end() {
      isEnding = true;
      clearTimeout(looking);
      setServing(false);
    },
    async missing() {
      const missing: string[] = [];
      if (isEnding) missing.push("a sidecar that goes on: this one is ending");
      if (!hasScraped()) missing.push("a first scrape of every endpoint");
      if (envoyAdmin !== undefined && !(await isEnvoyReady(envoyAdmin))) {
        missing.push(
          `Envoy (its admin interface at ${envoyAdmin}), and that it reaches this sidecar`,
        );
      }
      return missing;
    },
  };
}

const timeoutMs = 1_000;

/** As `umbra render` names it; an Envoy with a bootstrap of its own may have no such cluster. */
const pickersHealth = "^cluster\\.umbra-picker\\.membership_healthy$";

/**
 * Asks Envoy's admin interface whether it serves, and whether it has found this sidecar's ext_proc server in health;
 * false too when it can't be reached in a second.
 */
async function isEnvoyReady(envoyAdmin: string): Promise<boolean> {
  try {
    if ((await get(envoyAdmin, "/ready")).status !== 200) return false;
    const filter = encodeURIComponent(pickersHealth);
    const { text } = await get(envoyAdmin, `/stats?format=json&filter=${filter}`);
    const { stats } = JSON.parse(text) as { readonly stats: readonly { value?: number }[] };
    return stats.every(({ value }) => value !== 0);
  } catch {
    // Not there yet, or gone: both are "not ready", which is all that is asked.
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
