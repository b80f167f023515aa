// Holds the direction of dependencies: a package imports only what stands in its row.
// pnpm's strict node_modules stops undeclared packages; this stops declared ones that should not be.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Which of our packages each package may import, and which others. */
const allowed = {
  scheduler: { own: [], others: [], node: false },
  grpc: { own: [], others: ["@bufbuild/protobuf"], node: true },
  "ext-proc": { own: ["grpc"], others: ["@bufbuild/protobuf"], node: true },
  openai: { own: [], others: ["fflate"], node: true },
  shadow: { own: ["openai"], others: ["cli-table3"], node: true },
  "envoy-config": { own: ["shadow"], others: ["yaml"], node: true },
  simulator: { own: [], others: ["prom-client"], node: true },
  sidecar: {
    own: ["scheduler", "grpc", "ext-proc", "openai", "shadow", "envoy-config", "simulator"],
    others: ["@opentelemetry/api", "pino", "prom-client", "selfsigned", "undici", "uplot"],
    node: true,
  },
  cli: {
    own: ["scheduler", "openai", "shadow", "envoy-config", "simulator", "sidecar"],
    others: ["@clack/prompts", "cli-table3", "commander", "pino", "undici", "yaml"],
    node: true,
  },
};

const specifier = /\bfrom\s+"([^"\n]+)";|^import\s+"([^"\n]+)";|\bimport\(\s*"([^"\n]+)"/gm;
const findings = [];

for (const [name, rules] of Object.entries(allowed)) {
  const folder = join(root, "packages", name, "src");
  for (const file of filesOf(folder)) {
    const text = readFileSync(file, "utf8");
    for (const [, fromImport, bare, fromCall] of text.matchAll(specifier)) {
      const target = fromImport ?? bare ?? fromCall;
      const problem = problemOf(target, rules, file, folder);
      if (problem !== undefined) findings.push(`${relative(root, file)}: ${problem}`);
    }
  }
}

for (const finding of findings) process.stderr.write(`${finding}\n`);
if (findings.length > 0) process.exitCode = 1;
else process.stderr.write("imports: every package imports only from packages below it\n");

function problemOf(target, { own, others, node }, file, folder) {
  if (target.startsWith(".")) {
    const isInside = join(file, "..", target).startsWith(folder);
    return isInside
      ? undefined
      : `imports "${target}" from outside its package; use the package's name`;
  }
  if (target.startsWith("node:"))
    return node ? undefined : `imports "${target}", but this package is pure`;
  const ours = /^@umbra\/([^/]+)(?:\/[a-z-]+)?$/.exec(target)?.[1];
  if (ours !== undefined) return own.includes(ours) ? undefined : `may not import "${target}"`;
  const isKnown = others.some((other) => target === other || target.startsWith(`${other}/`));
  return isKnown
    ? undefined
    : `imports "${target}", which its row in scripts/check-imports.mjs does not list`;
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}
