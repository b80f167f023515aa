import { isEnvoyReady } from "./admin/envoy-ready.ts";

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
