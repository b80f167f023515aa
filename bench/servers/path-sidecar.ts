// Umbra's sidecar for topologies in files, named by its arguments. Tells its port.
import { readFileSync } from "node:fs";
import type { Topology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { tell } from "../harness/tell.ts";

const [file = ""] = process.argv.slice(2);
const sidecar = await startSidecar({
  topology: JSON.parse(readFileSync(file, "utf8")) as Topology,
  grpc: "127.0.0.1:0",
  admin: { host: "127.0.0.1", port: 0 },
  log: pino({ level: "error" }, pino.destination(2)),
  // Scraped once: the stubs' pages would be measured with the picks.
  scrapeIntervalMs: 60_000,
  staleAfterMs: 3_600_000,
});
tell(Number(sidecar.grpcAddress.split(":").at(-1)));
