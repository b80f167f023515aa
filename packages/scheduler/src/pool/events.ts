import type { PluginPoint } from "../profile.ts";
import type { SchedulingErrorCode } from "../scheduling-error-code.ts";

/** An event of a pool. The pool calls its listener synchronously during each pick, so the listener must be cheap. */
export type PoolEvent =
  | {
      readonly type: "picked";
      readonly pool: string;
      readonly profile: string;
      readonly endpoint: string;
      /** Share of the prompt that is probably cached, 0 to 1; 0 if no scorer looked it up. */
      readonly cachedShare: number;
      /** Prompt tokens of the request; estimated if it does not give them. */
      readonly promptTokens: number;
      /** Duration of the whole decision, in ms. */
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
      /** The time of each plugin, measured for one pick in `timeEvery`. */
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
      /** Length of the ejection, in ms. */
      readonly forMs: number;
    }
  | {
      /**
       * The endpoint's error rate is far above the others'. It gets one trial request a second until one is answered
       * well.
       */
      readonly type: "avoided";
      readonly pool: string;
      readonly endpoint: string;
      /** As in `Endpoint`. */
      readonly errorShare: number;
    }
  | { readonly type: "reinstated"; readonly pool: string; readonly endpoint: string }
  /** The server restarted. The pool drops what it believed to be in the server's cache. */
  | { readonly type: "restarted"; readonly pool: string; readonly endpoint: string }
  /** A lease was garbage-collected without having been ended, and was released. Only with `detectLeaks`. */
  | { readonly type: "lease_leaked"; readonly pool: string; readonly endpoint: string };

/** How long one plugin took in one pick. */
export interface PluginTime {
  readonly point: PluginPoint;
  readonly name: string;
  readonly tookMs: number;
}
