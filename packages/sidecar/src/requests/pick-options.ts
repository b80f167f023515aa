import type { BodyDecoder } from "@umbra/openai/decode";
import type { Captures } from "../capture/captures.ts";
import type { OpenAccount } from "../decision/request-account.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { GatewayProtocol } from "./gateway-stream.ts";
import type { LiveTwin } from "./live-request.ts";
import type { LiveRequests } from "./live-requests.ts";
import type { MirroringOptions } from "./mirroring.ts";

/** What picks share. */
export interface PickOptions {
  readonly pools: PoolRegistry;
  readonly gateway: GatewayProtocol;
  readonly live: LiveRequests;
  readonly mirroring: MirroringOptions;
  /** Absent unless text is to be kept. */
  readonly captures: Captures | undefined;
  readonly maxBodyBytes: number;
  /** How long a request may wait for its decision, in ms: no more than the gateway lets it. */
  readonly maxWaitMs: number;
  readonly decoder: BodyDecoder;
  /** What Umbra's own requests to endpoints carry; undefined where they carry no key. */
  readonly authorization?: (() => string | undefined) | undefined;
  /** Takes down what happens to each request. */
  readonly openAccount: OpenAccount;
  /** A mirrored copy that no endpoint was found for: it has no answer that an observe stream could see. */
  readonly onTwinRefused: (twin: LiveTwin, pool: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}
