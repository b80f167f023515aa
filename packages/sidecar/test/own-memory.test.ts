import { expect, test } from "@jest/globals";
import { directTopology, heldRequestBytes } from "@umbra/envoy-config";
import { withOwnMemory } from "../src/own-memory.ts";

const GiB = 1024 ** 3;
const topology = directTopology({ primary: ["10.0.0.1:1"], shadow: [], port: 8080 });

test.each([
  { name: "as configured if the container has more", limit: 8 * GiB, usable: 4 * GiB },
  { name: "as configured if no limit is known", limit: 0, usable: 4 * GiB },
  { name: "as configured without a limit", limit: 2 ** 63, usable: 4 * GiB },
  { name: "nine tenths of a smaller container", limit: 2 * GiB, usable: Math.floor(1.8 * GiB) },
])("the sidecar's memory is $name", ({ limit, usable }) => {
  const own = withOwnMemory(topology, limit);
  expect(own.envoy.settings.sidecarMemoryBytes).toBe(usable);
  expect(heldRequestBytes(own)).toBeLessThanOrEqual(heldRequestBytes(topology));
});
