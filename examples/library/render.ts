import { readFileSync } from "node:fs";
import { formatDiagnostic, readTopology, renderBootstrap } from "@umbra/envoy-config";

const text = readFileSync("gateway.yaml", "utf8");
const { topology, diagnostics } = readTopology([{ name: "gateway.yaml", text }]);
for (const diagnostic of diagnostics) console.error(formatDiagnostic(diagnostic));
console.log(renderBootstrap(topology, { sidecar: "127.0.0.1:9002" }));
