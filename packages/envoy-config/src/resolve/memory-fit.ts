import {
  copiesShareOfHeap,
  heldRequestBytes,
  isSidecarUsed,
  leastHeldBytes,
  type MemoryBound,
  memoryBounds,
  sum,
} from "../memory.ts";
import { bytesText } from "../quantity.ts";
import type { Place, Report } from "../resources/report.ts";
import type { Topology } from "../topology.ts";

/** Reports bounds that together do not fit into `maxHeap` or `sidecarMemory`. */
export function checkMemory(topology: Topology, place: Place, report: Report): void {
  const { settings } = topology.envoy;
  const ofEnvoy = memoryBounds(topology).filter((each) => each.of === "envoy");
  const copies = sum(ofEnvoy);
  const room = settings.maxHeapBytes * copiesShareOfHeap;
  if (copies > room) {
    const message = `mirroring may take ${bytesText(copies)} of Envoy's memory, and half of \`maxHeap\` (${bytesText(settings.maxHeapBytes)}) at most may be used for it: ${largestOf(ofEnvoy)}; lower those, or raise \`maxHeap\` to ${bytesText(copies / copiesShareOfHeap)}`;
    report("error", "UMB0245", place, message);
  }
  const held = heldRequestBytes(topology);
  const least = leastHeldBytes(settings);
  if (held < least && isSidecarUsed(topology)) {
    const parts = memoryBounds(topology).filter((each) => each.of === "sidecar");
    const others = sum(parts) - 2 * held;
    const message = `\`sidecarMemory\` (${bytesText(settings.sidecarMemoryBytes)}) leaves ${bytesText(held)} for requests that the sidecar holds, and two of the longest take ${bytesText(least)}: lower \`maxBody\`, or raise \`sidecarMemory\` to ${bytesText(others + 2 * least)}`;
    report("error", "UMB0245", place, message);
  }
}

/** The bound that takes most, and what sets it. */
function largestOf(bounds: readonly MemoryBound[]): string {
  const [largest] = [...bounds].sort((a, b) => sum([b]) - sum([a]));
  if (largest === undefined) return "";
  const { what, times, bytes, setBy } = largest;
  return `most is of ${what} (${times} times ${bytesText(bytes)}), set by ${setBy}`;
}
