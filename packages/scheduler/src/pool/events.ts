import type { PluginPoint } from "../profile.ts";
import type { SchedulingErrorCode } from "../scheduling-error-code.ts";

/** What a pool tells its one listener, as it happens. Told synchronously: a listener on every pick's path is to be cheap. */
export type PoolEvent =
  | {
      readonly type: "picked";
      readonly pool: string;
      readonly profile: string;
      readonly endpoint: string;
      /** 0 to 1; 0 where no scorer asked. */
      readonly cachedShare: number;
      /** Of the request, estimated where it does not say. */
      readonly promptTokens: number;
      /** The whole decision, in ms. */
      readonly tookMs: number;
    }
  | {
      readonly type: "refused";
      readonly pool: string;
      readonly profile: string | undefined;
      readonly code: SchedulingErrorCode;
      readonly tookMs: number;
    }
  | {
      /** One pick in `timeEvery` was measured plugin by plugin. */
      readonly type: "timed";
      readonly pool: string;
      readonly profile: string;
      /** In the order in which they ran. */
      readonly steps: readonly PluginTime[];
    }
  | {
      readonly type: "ejected";
      readonly pool: string;
      readonly endpoint: string;
      /** For how long, in ms. */
      readonly forMs: number;
    }
  | {
      /** It answers far more often with errors than the others: it gets one request now and then until that ends. */
      readonly type: "avoided";
      readonly pool: string;
      readonly endpoint: string;
      /** As of `Endpoint`. */
      readonly errorShare: number;
    }
  | { readonly type: "reinstated"; readonly pool: string; readonly endpoint: string }
  /** The server has restarted: what it was believed to hold is forgotten. */
  | { readonly type: "restarted"; readonly pool: string; readonly endpoint: string }
  /** A lease was thrown away without its end; it has been released. Only with `detectLeaks`. */
  | { readonly type: "lease_leaked"; readonly pool: string; readonly endpoint: string };

/** How long one plugin took in one pick. */
export interface PluginTime {
  readonly point: PluginPoint;
  readonly name: string;
  readonly tookMs: number;
}
