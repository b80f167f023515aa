import type { Exposition } from "../metrics/exposition.ts";
import type { AdminAnswers } from "./admin-answers.ts";
import { json, type PathRoute, read } from "./http-routes.ts";

export interface ProbeOptions {
  readonly metrics: Exposition;
  /** What is missing before traffic can be served; empty when ready. */
  readonly notReady: () => Promise<readonly string[]>;
  /** What does not work as usual while the last state is served. */
  readonly degraded: () => readonly string[];
}

/** What a kubelet and Prometheus ask for. These paths may be reachable from other machines; the rest of the admin interface should not be. */
export function probeRoutes({ metrics, notReady, degraded }: ProbeOptions): readonly PathRoute[] {
  return [
    read("/healthz", (response) => {
      const answer: AdminAnswers["/healthz"] = { status: "alive" };
      json(response, 200, answer);
    }),
    read("/readyz", async (response) => {
      const missing = await notReady();
      const isReady = missing.length === 0;
      const problems = degraded();
      const answer: AdminAnswers["/readyz"] = {
        status: isReady ? "ready" : "not ready",
        missing,
        ...(problems.length === 0 ? {} : { degraded: problems }),
      };
      json(response, isReady ? 200 : 503, answer);
    }),
    read("/metrics", async (response) => {
      const text = await metrics.text();
      response.writeHead(200, { "content-type": metrics.contentType }).end(text);
    }),
  ];
}
