import type { Decision, HeaderEntry, JsonObject } from "./exchange.ts";

type Route = Extract<Decision, { kind: "route" }>;

/**
 * A decision shared by many requests, such as the route to one endpoint. It is encoded once and stores its encoded
 * answers.
 */
export class StandingRoute implements Route {
  readonly kind = "route";
  readonly setHeaders: readonly HeaderEntry[];
  readonly dynamicMetadata?: Readonly<Record<string, JsonObject>>;
  /** Encoded answer to the request headers; only for the server. */
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
