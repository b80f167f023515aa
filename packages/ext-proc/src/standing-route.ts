import type { Decision, HeaderEntry, JsonObject } from "./exchange.ts";

type Route = Extract<Decision, { kind: "route" }>;

/**
 * A decision that many requests get, such as the route to one endpoint: it is encoded once, and the same bytes answer all
 * of them. A class: its answers are kept beside what they are made from.
 */
export class StandingRoute implements Route {
  readonly kind = "route";
  readonly setHeaders: readonly HeaderEntry[];
  readonly dynamicMetadata?: Readonly<Record<string, JsonObject>>;
  /** Encoded, for each message that it has answered; the server's own. */
  requestHeaders: Uint8Array | undefined = undefined;
  requestBody: Uint8Array | undefined = undefined;

  constructor(
    setHeaders: readonly HeaderEntry[],
    dynamicMetadata?: Readonly<Record<string, JsonObject>>,
  ) {
    this.setHeaders = setHeaders;
    if (dynamicMetadata !== undefined) this.dynamicMetadata = dynamicMetadata;
  }
}
