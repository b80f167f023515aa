// Umbra's sidecar with the default profile and 16 endpoints, which simulated model servers stand behind. Its argument is the transport.
import { directTopology } from "@umbra/envoy-config";
import { startSidecar } from "@umbra/sidecar";
import { createSimulatedServer } from "@umbra/simulator";
import pino from "pino";
import { tell } from "../harness/tell.ts";

const endpoints = await Promise.all(
  Array.from({ length: 16 }, () => createSimulatedServer({ timeScale: 0 }).listen(0)),
);
const topology = directTopology({ primary: endpoints, shadow: [], port: 1 });
const sidecar = await startSidecar({
  topology,
  grpc: "127.0.0.1:0",
  transport: process.argv[2] === "grpc-js" ? "grpc-js" : "http2",
  admin: { host: "127.0.0.1", port: 0 },
  log: pino({ level: "error" }, pino.destination(2)),
  // Scraped once: the pages of 16 simulated servers in this same process would be measured with the picks.
  scrapeIntervalMs: 60_000,
  staleAfterMs: 3_600_000,
});
tell(Number(sidecar.grpcAddress.split(":").at(-1)));
