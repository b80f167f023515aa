// What importing the Kubernetes client costs in memory, each in a process of its own, after undici, which Umbra has
// anyway. Of @umbra/kubernetes it takes the build. `npm run build && npm run bench:kubernetes-import`
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const client = "@kubernetes/client-node";
const parts = ["config_types", "exec_auth", "file_auth", "azure_auth", "gcp_auth"];
const imports: Readonly<Record<string, readonly string[]>> = {
  "the parts that Umbra imports": parts.map((part) => `${client}/dist/${part}.js`),
  "@umbra/kubernetes": ["@umbra/kubernetes"],
  "KubeConfig alone": [`${client}/dist/config.js`],
  "all of client-node": [client],
};
const runs = 5;

process.stdout.write(`${"import".padEnd(30)} RSS MB (median of ${runs})\n`);
for (const [name, modules] of Object.entries(imports)) {
  const costs = Array.from({ length: runs }, () => costOf(modules)).sort((a, b) => a - b);
  const median = costs[Math.floor(runs / 2)] ?? Number.NaN;
  process.stdout.write(`${name.padEnd(30)} ${median.toFixed(1).padStart(6)}\n`);
}

/** In MB. */
function costOf(modules: readonly string[]): number {
  const script = [
    "await import('undici');",
    "const before = process.memoryUsage().rss;",
    ...modules.map((module) => `await import(${JSON.stringify(module)});`),
    "console.log(process.memoryUsage().rss - before);",
  ].join("\n");
  const cwd = fileURLToPath(new URL("../packages/kubernetes/", import.meta.url));
  const flags = ["--input-type=module", "--eval", script];
  return Number(execFileSync(process.execPath, flags, { cwd, encoding: "utf8" })) / 1e6;
}
