import { defaultAddresses } from "../default-addresses.ts";
import type { Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";

/** Where the sidecar and Envoy's admin interface listen unless they are moved. */
const taken: ReadonlyMap<number, string> = new Map([
  [portOf(defaultAddresses.sidecar), "the sidecar's gRPC server"],
  [portOf(defaultAddresses.envoyAdmin), "Envoy's admin interface"],
  [portOf(defaultAddresses.sidecarAdmin), "the sidecar's admin interface"],
]);

/** Ports that can't be bound, or not by everyone. */
export function lintPorts({ topology, resources }: LintInput, report: Report): void {
  // A listener that a flag has moved has no place of its own any more. Of several on one port the first.
  const places = new Map(
    resources.gateways
      .flatMap(({ listeners }) => listeners)
      .toReversed()
      .map(({ port, place }) => [port, place]),
  );
  for (const port of new Set(topology.listeners.map((each) => each.port))) {
    const place = places.get(port);
    if (place === undefined) continue;
    if (port < 1024) {
      report("info", "UMB0304", place, `port ${port} is bound only by a privileged process`);
    }
    const owner = taken.get(port);
    if (owner !== undefined) {
      const message = `port ${port} is the one of ${owner}, unless that is moved`;
      report("warning", "UMB0307", place, message);
    }
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
