// What a changed file costs on its way to Envoy: a folder of resources, a sidecar that follows it, Envoy by ADS, model
// servers; each a process. Prints each figure with its bar. `npm run bench:live -- --help`
import { printFigureRows } from "./harness/figure-rows.ts";
import { coldStart } from "./live/cold-start.ts";
import { endpointChanges } from "./live/endpoint-changes.ts";
import { killedSidecar } from "./live/killed-sidecar.ts";
import { manyClients } from "./live/many-clients.ts";
import { memoryOfChanges } from "./live/memory-of-changes.ts";
import { pickWhileResolving } from "./live/pick-while-resolving.ts";
import { routeChanges } from "./live/route-changes.ts";
import type { Row } from "./live/row.ts";
import { createTestbed, startTestbed, type Testbed } from "./live/testbed.ts";

const rows: readonly Row[] = [
  endpointChanges,
  ...routeChanges,
  coldStart,
  pickWhileResolving,
  killedSidecar,
  manyClients,
  memoryOfChanges,
];

const open = new Set<Testbed>();
const keep = (testbed: Testbed): Testbed => {
  open.add(testbed);
  return testbed;
};

await printFigureRows({
  command: "npm run bench:live",
  rows,
  begin: async () => ({
    serving: async (options) => startTestbed(options, keep),
    stopped: async (options) => keep(await createTestbed(options)),
  }),
  async stop() {
    await Promise.all([...open].map((testbed) => testbed.stop()));
    open.clear();
  },
});
