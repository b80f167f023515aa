import type { Topology } from "@umbra/envoy-config";
import { createExtProcServer } from "@umbra/ext-proc";
import { createRecorder } from "@umbra/shadow";
import type { Logger } from "pino";
import { startAdminServer } from "./admin/admin-server.ts";
import { isEnvoyReady } from "./admin/envoy-ready.ts";
import { observeExchange } from "./exchange/observe.ts";
import { pickExchange, tooLargeMessage } from "./exchange/pick.ts";
import { createPickMemo } from "./exchange/pick-memo.ts";
import { createPoolRegistry } from "./exchange/pool-registry.ts";
import { createSidecarMetrics } from "./metrics.ts";
import { errorReply } from "./openai/error-reply.ts";
import { startScrapeLoop } from "./scrape/scrape-loop.ts";

export interface SidecarOptions {
  readonly topology: Topology;
  /** Where ext_proc is served: `host:port` or `unix:/path`; port 0 takes a free one. */
  readonly grpc: string;
  /** Where the admin interface is served. Keep it on loopback. */
  readonly admin: { readonly host: string; readonly port: number };
  readonly log: Logger;
  /** Envoy's admin interface, when readiness includes Envoy. */
  readonly envoyAdmin?: string;
  /** 32 MiB when absent. Larger bodies are answered 413. */
  readonly maxBodyBytes?: number;
  /** Time between two scrapes of an endpoint, in ms; 100 when absent. */
  readonly scrapeIntervalMs?: number;
  /** Age from which metrics count as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
}

export interface Sidecar {
  /** As bound. */
  readonly grpcAddress: string;
  readonly adminAddress: string;
  /** Stops taking picks, lets those under way end within `graceMs`, then closes. */
  close(graceMs: number): Promise<void>;
}

const scrapeTimeoutMs = 1_000;

/** Starts the sidecar: scraping, ext_proc and the admin interface. Throws when an address can't be bound. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { topology, log } = options;
  const maxBodyBytes = options.maxBodyBytes ?? 32 * 1024 * 1024;
  const now = () => performance.now();
  const clock = { now, random: Math.random };
  const pools = createPoolRegistry(topology, {
    ...clock,
    staleAfterMs: options.staleAfterMs ?? 2_000,
  });
  const recorder = createRecorder({ now });
  const memo = createPickMemo(8_192);
  const metrics = createSidecarMetrics(pools, recorder, () => server.openStreams);
  const pickOptions = { pools, memo, maxBodyBytes, now, onDecision: metrics.decided };

  const server = createExtProcServer({
    processor: {
      pick: (stream) => pickExchange(stream, pickOptions),
      observe: (stream) => observeExchange(stream, { recorder, memo }),
    },
    maxBodyBytes,
    tooLarge: () => errorReply("request_too_large", tooLargeMessage(maxBodyBytes)),
    onError(cause) {
      metrics.streamFailed();
      log.error({ err: cause }, "an ext_proc stream failed");
    },
  });
  const scraping = startScrapeLoop({
    ...clock,
    pools,
    intervalMs: options.scrapeIntervalMs ?? 100,
    timeoutMs: scrapeTimeoutMs,
    onScrape: metrics.scraped,
  });
  const sweeping = setInterval(() => recorder.expire(), 5_000).unref();
  const awaited = primaryPools(topology);

  const notReady = async (): Promise<readonly string[]> => {
    const missing: string[] = [];
    if (!scraping.hasTried(awaited)) missing.push("a first scrape of every endpoint");
    if (options.envoyAdmin !== undefined && !(await isEnvoyReady(options.envoyAdmin))) {
      missing.push(`Envoy (its admin interface at ${options.envoyAdmin})`);
    }
    return missing;
  };

  try {
    const grpcAddress = await server.listen(options.grpc);
    const admin = await startAdminServer(options.admin, {
      pools,
      recorder,
      registry: metrics.registry,
      notReady,
    });
    server.setServing(true);
    log.info({ grpc: grpcAddress, admin: admin.address, pools: [...pools.keys()] }, "serving");
    return {
      grpcAddress,
      adminAddress: admin.address,
      async close(graceMs) {
        server.setServing(false);
        clearInterval(sweeping);
        await server.close(graceMs);
        await scraping.close();
        await admin.close();
      },
    };
  } catch (cause) {
    clearInterval(sweeping);
    await Promise.allSettled([server.close(0), scraping.close()]);
    throw cause;
  }
}

/** Pools that answer clients. A shadow pool that is dead or hangs must not hold readiness back. */
function primaryPools({ listeners }: Topology): ReadonlySet<string> {
  const routes = listeners.flatMap(({ virtualHosts }) =>
    virtualHosts.flatMap((host) => host.routes),
  );
  const names = new Set<string>();
  for (const { action } of routes) {
    if (action.kind !== "forward") continue;
    for (const backend of action.backends) if (backend.kind === "pool") names.add(backend.pool);
  }
  return names;
}
