import { bytesText, memoryLimits, type Topology } from "@umbra/envoy-config";
import { printable } from "@umbra/shadow/printable";
import { tableText } from "../tables.ts";

/** Lists every memory limit with its source, and the totals. */
export function memoryTable(topology: Topology): string {
  const bounds = memoryLimits(topology);
  const { maxHeapBytes, sidecarMemoryBytes } = topology.envoy.settings;
  const limits = {
    envoy: `half of maxHeap, ${bytesText(maxHeapBytes / 2)}`,
    sidecar: `sidecarMemory, ${bytesText(sidecarMemoryBytes)}`,
  };
  const rows = (["envoy", "sidecar"] as const).flatMap((of) => {
    const own = bounds.filter((each) => each.of === of);
    const total = own.reduce((sum, { times, bytes }) => sum + times * bytes, 0);
    return [
      ...own.map(({ what, times, bytes, setBy }) => [
        of,
        printable(what),
        times,
        bytesOf(bytes),
        bytesOf(times * bytes),
        setBy,
      ]),
      [of, "total", "", "", bytesOf(total), `at most ${limits[of]}`],
    ];
  });
  return tableText(["memory of", "at most", "times", "each", "total each", "set by"], rows);
}

function bytesOf(bytes: number): string {
  const isWhole = bytes > 0 && (bytes % 1024 ** 2 === 0 || bytes >= 16 * 1024 ** 2);
  return isWhole ? bytesText(bytes) : `${Math.ceil(bytes / 1024)}Ki`;
}
