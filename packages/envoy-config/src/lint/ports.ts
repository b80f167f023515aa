import { defaultAddresses } from "../default-addresses.ts";
import type { Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";

/** Default ports of the sidecar and of Envoy's admin interface. */
const taken: ReadonlyMap<number, string> = new Map([
  [portOf(defaultAddresses.sidecar), "the sidecar's gRPC server"],
  [portOf(defaultAddresses.envoyAdmin), "Envoy's admin interface"],
  [portOf(defaultAddresses.sidecarAdmin), "the sidecar's admin interface"],
]);

/** Reports ports that are in use or need a privilege. */
export function lintPorts({ topology, resources }: LintInput, report: Report): void {
  // A listener that a flag moved has no place in the files. For several listeners on a port, uses the first.
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
      report("info", "UMB0304", place, `only a privileged process can listen on port ${port}`);
    }
    const owner = taken.get(port);
    if (owner !== undefined) {
      const message = `port ${port} is the default port of ${owner}`;
      report("warning", "UMB0307", place, message);
    }
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
