// Writes what is generated: the folders packages/*/src/gen from proto/, docs/*.schema.json from the report's and the
// topology's types, packages/*/api.md from what the packages export. With --check it only says whether what is committed is
// fresh, and generates nothing where neither the inputs nor the outputs changed since the last successful check.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprintOf, isStamped, writeStamp } from "./fingerprint.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Which package has the code of which folder of proto/. */
const owners = { envoy: "ext-proc", grpc: "grpc", xds: "xds" };
const packages = readdirSync(join(root, "packages"));
const isCheck = process.argv.includes("--check");
const texts = {
  "docs/shadow-report.schema.json": () =>
    schema("packages/shadow/src/report/shadow-report.ts", "ShadowReport", "Umbra shadow report"),
  "docs/topology.schema.json": topologySchema,
  "docs/topology.md": topologyPage,
  ...Object.fromEntries(packages.map((name) => [`packages/${name}/api.md`, apiReport])),
};

const stamp = join(root, ".cache", "generated.sha256");
/** All that is generated, and all that it is generated from. */
const fingerprint = fingerprintOf(
  [
    ...["proto", "scripts/generate.mjs", "scripts/api-report.mjs"],
    ...["pnpm-lock.yaml", "tsconfig.base.json"],
    ...packages.flatMap((name) => [`packages/${name}/src`, `packages/${name}/package.json`]),
    ...Object.keys(texts),
  ].map((path) => join(root, path)),
);
if (isCheck && isStamped(stamp, fingerprint)) {
  process.stderr.write("generate: nothing changed since the generated code was found fresh\n");
  process.exit();
}
// They load the compiler, which takes a second.
const { createGenerator } = await import("ts-json-schema-generator");
const { apiReports } = await import("./api-report.mjs");
let reports;

const fresh = mkdtempSync(join(tmpdir(), "umbra-generate-"));
try {
  const args = ["generate", "proto", "--template", "proto/buf.gen.yaml", "--output", fresh];
  const { status, error } = spawnSync(join(root, "node_modules", ".bin", "buf"), args, {
    cwd: root,
    stdio: "inherit",
  });
  if (error) throw error;
  if (status !== 0) throw new Error("buf could not generate: see its message above");
  if (isCheck) check();
  else {
    for (const [name, make] of Object.entries(texts)) writeFileSync(join(root, name), make(name));
    for (const [folder, owner] of Object.entries(owners)) {
      rmSync(committedFor(owner), { recursive: true, force: true });
      cpSync(join(fresh, folder), join(committedFor(owner), folder), { recursive: true });
    }
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function committedFor(owner) {
  return join(root, "packages", owner, "src", "gen");
}

function apiReport(name) {
  reports ??= apiReports();
  return reports[name];
}

/** Readers must not break on a field that a later version adds. */
function schema(path, type, title) {
  const made = createGenerator({
    path: join(root, path),
    tsconfig: join(root, "tsconfig.base.json"),
    type,
    skipTypeCheck: true,
    additionalProperties: true,
  }).createSchema(type);
  return `${JSON.stringify({ title, ...made }, null, 2)}\n`;
}

function topologySchema() {
  return schema("packages/envoy-config/src/topology.ts", "Topology", "Umbra topology");
}

/** The page, with its tables made of the schema. */
function topologyPage() {
  const { definitions } = JSON.parse(topologySchema());
  const page = readFileSync(join(root, "docs/topology.md"), "utf8");
  const [start, end] = ["<!-- fields -->\n", "<!-- /fields -->"];
  const tables = Object.entries(definitions)
    .filter(([, of]) => of.properties !== undefined || of.anyOf !== undefined)
    .map(([name, of]) => {
      const rows = (of.anyOf ?? [of]).flatMap(({ properties = {}, required = [] }) =>
        Object.entries(properties).map(([field, about]) => {
          const mark = required.includes(field) ? "" : " (optional)";
          return `| \`${field}\`${mark} | ${typeOf(about, definitions)} | ${about.description ?? ""} |`;
        }),
      );
      const words = of.description === undefined ? "" : `${of.description}\n\n`;
      return `### ${name}\n\n${words}| field | type | |\n|---|---|---|\n${rows.join("\n")}\n`;
    });
  const before = page.slice(0, page.indexOf(start) + start.length);
  return `${before}\n${tables.join("\n")}\n${page.slice(page.indexOf(end))}`;
}

function typeOf(about, definitions) {
  const { $ref, type, items, enum: values, const: value, additionalProperties, anyOf } = about;
  const of = (each) => typeOf(each, definitions);
  if ($ref !== undefined) {
    const name = $ref.split("/").at(-1);
    const { properties, anyOf: choices } = definitions[name];
    const isTable = properties !== undefined || choices !== undefined;
    return isTable ? `[${name}](#${name.toLowerCase()})` : of(definitions[name]);
  }
  if (values !== undefined) return values.map((each) => `\`${each}\``).join(", ");
  if (value !== undefined) return `\`${value}\``;
  if (anyOf !== undefined) return anyOf.map(of).join(" or ");
  if (type === "array") return `list of ${of(items)}`;
  if (typeof additionalProperties === "object" && type === "object") {
    return `map of ${of(additionalProperties)}`;
  }
  return Array.isArray(type) ? type.join(" or ") : (type ?? "any");
}

function check() {
  const stale = Object.entries(owners).flatMap(([folder, owner]) => {
    const committed = committedFor(owner);
    const made = filesOf(join(fresh, folder)).map((name) => join(folder, name));
    const names = new Set([...made, ...filesOf(committed)]);
    return [...names].filter((name) => textOf(fresh, name) !== textOf(committed, name));
  });
  for (const [name, make] of Object.entries(texts)) {
    if (textOf(root, name) !== make(name)) stale.push(name);
  }
  if (stale.length === 0) {
    writeStamp(stamp, fingerprint);
    process.stderr.write("generate: the generated code is fresh\n");
    return;
  }
  process.stderr.write(
    `generate: stale: ${stale.join(", ")}; run \`npm run generate\` and commit what it writes\n`,
  );
  process.exitCode = 1;
}

function filesOf(folder) {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  } catch {
    return [];
  }
}

function textOf(folder, name) {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return undefined;
  }
}
