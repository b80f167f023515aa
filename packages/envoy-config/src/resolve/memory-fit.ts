import {
  copiesShareOfHeap,
  heldRequestBytes,
  isSidecarUsed,
  leastHeldBytes,
  type MemoryLimit,
  memoryLimits,
  sum,
} from "../memory.ts";
import { bytesText } from "../quantity.ts";
import type { Place, Report } from "../resources/report.ts";
import type { Topology } from "../topology.ts";

/** Reports limits that together exceed `maxHeap` or `sidecarMemory`. */
export function checkMemory(topology: Topology, place: Place, report: Report): void {
  const { settings } = topology.envoy;
  const ofEnvoy = memoryLimits(topology).filter((each) => each.of === "envoy");
  const copies = sum(ofEnvoy);
  const room = settings.maxHeapBytes * copiesShareOfHeap;
  if (copies > room) {
    const message = `mirroring may use ${bytesText(copies)} of Envoy's memory, more than half of \`maxHeap\` (${bytesText(settings.maxHeapBytes)}): ${largestOf(ofEnvoy)}. Lower these settings, or raise \`maxHeap\` to ${bytesText(copies / copiesShareOfHeap)}`;
    report("error", "UMB0245", place, message);
  }
  const held = heldRequestBytes(topology);
  const least = leastHeldBytes(settings);
  if (held < least && isSidecarUsed(topology)) {
    const parts = memoryLimits(topology).filter((each) => each.of === "sidecar");
    const others = sum(parts) - 2 * held;
    const message = `\`sidecarMemory\` (${bytesText(settings.sidecarMemoryBytes)}) leaves ${bytesText(held)} for held requests, but two requests of maximum size need ${bytesText(least)}: lower \`maxBody\`, or raise \`sidecarMemory\` to ${bytesText(others + 2 * least)}`;
    report("error", "UMB0245", place, message);
  }
}

/** Reports bodies so large that reading one takes longer than a turn of the sidecar's event loop may: `npm run bench:scan`. */
export function checkLongestTurn(topology: Topology, place: Place, report: Report): void {
  const { maxBodyBytes } = topology.envoy.settings;
  if (maxBodyBytes <= quicklyReadBytes || !isSidecarUsed(topology)) return;
  const message = `while the sidecar reads a body of ${bytesText(maxBodyBytes)} (\`maxBody\`), all other picks wait, for longer than the 50 ms that a body of ${bytesText(quicklyReadBytes)} may take`;
  report("warning", "UMB0246", place, message);
}

/** The largest body that is read within 50 ms. */
const quicklyReadBytes = 32 * 1024 ** 2;

/** Describes the largest limit and the settings that determine it. */
function largestOf(bounds: readonly MemoryLimit[]): string {
  const [largest] = [...bounds].sort((a, b) => sum([b]) - sum([a]));
  if (largest === undefined) return "";
  const { what, times, bytes, setBy } = largest;
  return `the largest part is ${what} (${times} times ${bytesText(bytes)}), set by ${setBy}`;
}
