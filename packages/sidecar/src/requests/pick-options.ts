import type { BodyDecoder } from "@umbra/openai/decode";
import type { AnswerReadingThread } from "../answers/answer-reading.ts";
import type { Captures } from "../capture/captures.ts";
import type { OpenAccount } from "../decision/request-account.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { GatewayProtocol } from "./gateway-stream.ts";
import type { LiveTwin } from "./live-request.ts";
import type { LiveRequests } from "./live-requests.ts";
import type { MirroringOptions } from "./mirroring.ts";

/** Dependencies that all picks share. */
export interface PickOptions {
  readonly pools: PoolRegistry;
  readonly gateway: GatewayProtocol;
  readonly live: LiveRequests;
  readonly mirroring: MirroringOptions;
  /** Absent unless texts are captured. */
  readonly captures: Captures | undefined;
  /** Begins to compare the answers of a mirrored request. */
  readonly compare: AnswerReadingThread["compare"];
  readonly maxBodyBytes: number;
  /** Maximum waiting time of a request, in ms, limited by the gateway. */
  readonly maxWaitMs: number;
  readonly decoder: BodyDecoder;
  /** Returns the `authorization` header of Umbra's own requests to endpoints; undefined without a key. */
  readonly authorization?: (() => string | undefined) | undefined;
  /** Starts recording a request. */
  readonly openAccount: OpenAccount;
  /** Called for a twin without an endpoint: it has no answer that an observe stream could see. */
  readonly onTwinRefused: (twin: LiveTwin, pool: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}
