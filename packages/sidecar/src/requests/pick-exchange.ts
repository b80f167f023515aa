import type { PickExchange, StreamInfo } from "@umbra/ext-proc";
import { gatewayStream } from "./gateway-stream.ts";
import type { PickOptions } from "./pick-options.ts";
import { PrimaryPick } from "./primary-pick.ts";
import { TwinPick } from "./twin-pick.ts";

/** Handles one request of Envoy's pick filter. */
export function pickExchange(stream: StreamInfo, options: PickOptions): PickExchange {
  const gateway = gatewayStream(stream, options.gateway);
  return gateway.lane === "shadow"
    ? new TwinPick(stream, gateway, options)
    : new PrimaryPick(gateway, options);
}
