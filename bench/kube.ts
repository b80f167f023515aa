// What `umbra serve --kube` costs at a real API server: cold start, changes of pods and of routes, memory; the API server,
// model servers, sidecar and Envoy are a process each. Prints each figure with its bar. `npm run bench:kube -- --help`
import { printFigureRows } from "./harness/figure-rows.ts";
import { rows } from "./kube/rows.ts";
import { Testbed } from "./kube/testbed.ts";

let open: Testbed | undefined;

await printFigureRows({
  command: "npm run bench:kube",
  rows,
  async begin() {
    open = await Testbed.create();
    return open;
  },
  async stop() {
    await open?.stop();
    open = undefined;
  },
});
