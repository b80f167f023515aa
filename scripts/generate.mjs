// Writes what is generated: packages/ext-proc/src/gen from proto/, docs/shadow-report.schema.json from the report's
// type. With --check it only says whether what is committed is fresh.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { createGenerator } from "ts-json-schema-generator";

const root = fileURLToPath(new URL("..", import.meta.url));
const committed = join(root, "packages", "ext-proc", "src", "gen");
const isCheck = process.argv.includes("--check");
const texts = {
  "docs/shadow-report.schema.json": schema,
};

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
    for (const [name, make] of Object.entries(texts)) writeFileSync(join(root, name), make());
    rmSync(committed, { recursive: true, force: true });
    cpSync(fresh, committed, { recursive: true });
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** Readers of a report must not break on a field that a later version adds. */
function schema() {
  const made = createGenerator({
    path: join(root, "packages/shadow/src/report/shadow-report.ts"),
    tsconfig: join(root, "tsconfig.base.json"),
    type: "ShadowReport",
    skipTypeCheck: true,
    additionalProperties: true,
  }).createSchema("ShadowReport");
  return `${JSON.stringify({ title: "Umbra shadow report", ...made }, null, 2)}\n`;
}

function check() {
  const names = new Set([...filesOf(fresh), ...filesOf(committed)]);
  const stale = [...names].filter((name) => textOf(fresh, name) !== textOf(committed, name));
  for (const [name, make] of Object.entries(texts)) {
    if (textOf(root, name) !== make()) stale.push(name);
  }
  if (stale.length === 0) {
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
