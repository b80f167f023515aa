// Holds the direction of imports: a package imports only what its row lists, folders of a package import one way, and no
// files import each other in a circle, types included.
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
  xds: { own: ["grpc"], others: ["@bufbuild/protobuf"], node: true },
  kubernetes: { own: [], others: ["@kubernetes/client-node", "undici", "yaml"], node: true },
  openai: { own: [], others: ["fflate"], node: true },
  shadow: { own: ["openai"], others: ["cli-table3", "re2js"], node: true },
  "envoy-config": { own: ["shadow"], others: ["re2js", "yaml"], node: true },
  control: { own: ["scheduler", "envoy-config", "xds"], others: [], node: true },
  simulator: { own: [], others: ["prom-client"], node: true },
  sidecar: {
    own: ["scheduler", "grpc", "ext-proc", "xds", "openai", "shadow", "envoy-config", "simulator"],
    others: ["@opentelemetry/api", "pino", "prom-client", "selfsigned", "undici"],
    node: true,
  },
  cli: {
    own: [
      "scheduler",
      "xds",
      "kubernetes",
      "openai",
      "shadow",
      "envoy-config",
      "control",
      "simulator",
      "sidecar",
    ],
    others: ["@clack/prompts", "cli-table3", "commander", "pino", "undici", "yaml"],
    node: true,
  },
};

/** Folders beside the packages that keep the same rules. */
const beside = {
  sim: { own: ["shadow"], others: [], node: true },
};

/**
 * Folders of a package that a folder never imports. `except` lists files that are imported all the same: it only
 * shrinks, as an entry that nothing imports is a finding.
 */
export const directions = {
  "envoy-config": [
    // Reading never imports rendering, nor rendering reading: what both need is next to the folders.
    { folder: "resources", never: ["resolve", "lint", "bootstrap"] },
    { folder: "resolve", never: ["lint", "bootstrap"] },
    { folder: "lint", never: ["bootstrap"] },
    { folder: "bootstrap", never: ["resources", "resolve", "lint"] },
  ],
  sidecar: [
    // What serves ext_proc streams is on top: metrics, pools, scraping and decisions know nothing of it.
    { folder: "metrics", never: ["requests"] },
    { folder: "pools", never: ["requests", "metrics", "scrape", "decision"] },
    { folder: "scrape", never: ["requests", "metrics", "decision"] },
    { folder: "decision", never: ["requests", "metrics", "scrape"] },
  ],
  sim: [
    // Traffic knows nothing of how it is judged, nor judging of what is printed.
    {
      folder: "evaluation/traffic",
      never: ["evaluation/methods", "evaluation/cells", "evaluation/tables"],
    },
    { folder: "evaluation/methods", never: ["evaluation/cells", "evaluation/tables"] },
    { folder: "evaluation/cells", never: ["evaluation/methods", "evaluation/tables"] },
  ],
};

const specifier = /\bfrom\s+"([^"\n]+)";|^import\s+"([^"\n]+)";|\bimport\(\s*"([^"\n]+)"/gm;

/** What a file imports, as it is written there. */
export function importsOf(text) {
  return [...text.matchAll(specifier)].map(([, from, bare, call]) => from ?? bare ?? call);
}

/**
 * What is wrong among the files of one package.
 *
 * @param {Map<string, readonly string[]>} files what each imports, both by the path inside of `src`
 */
export function directionProblems(files, rules = []) {
  const wrong = rules.flatMap(({ folder, never, except = [] }) => {
    const idle = new Set(except);
    const found = [...files].flatMap(([file, targets]) =>
      targets.flatMap((target) => {
        const isForbidden =
          file.startsWith(`${folder}/`) && never.some((each) => target.startsWith(`${each}/`));
        if (!isForbidden) return [];
        if (!except.includes(target)) {
          return [`${file}: imports "${target}", and ${folder} never imports ${never.join(", ")}`];
        }
        idle.delete(target);
        return [];
      }),
    );
    const unused = [...idle].map(
      (each) => `${each}: remove it from \`except\`: nothing in ${folder} imports it`,
    );
    return [...found, ...unused];
  });
  return [...wrong, ...circlesOf(files).map((circle) => `${circle.join(" → ")}: a circle`)];
}

/** One circle of imports for each group of files that has any; its first file is also its last. */
export function circlesOf(files) {
  const done = new Set();
  const circles = [];
  const walk = (file, path) => {
    if (done.has(file)) return;
    const from = path.indexOf(file);
    if (from >= 0) {
      circles.push([...path.slice(from), file]);
      return;
    }
    for (const target of files.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of files.keys()) walk(file, []);
  return circles;
}

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

function packageProblems([name, rules]) {
  const path = Object.hasOwn(beside, name) ? name : `packages/${name}/src`;
  const folder = join(root, path);
  const sources = filesOf(folder).filter((file) => !relative(folder, file).startsWith("test/"));
  const imports = sources.map((file) => [file, importsOf(readFileSync(file, "utf8"))]);
  const outward = imports.flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const problem = problemOf(target, rules, file, folder);
      return problem === undefined ? [] : [`${relative(root, file)}: ${problem}`];
    }),
  );
  const inside = new Map(
    imports.map(([file, targets]) => [
      relative(folder, file),
      targets
        .filter((target) => target.startsWith("."))
        .map((target) => relative(folder, join(file, "..", target))),
    ]),
  );
  const inward = directionProblems(inside, directions[name]);
  return [...outward, ...inward.map((problem) => `${path}/${problem}`)];
}

function run() {
  const findings = Object.entries({ ...allowed, ...beside }).flatMap(packageProblems);
  for (const finding of findings) process.stderr.write(`${finding}\n`);
  if (findings.length > 0) process.exitCode = 1;
  else process.stderr.write("imports: packages, folders and files import one way\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run();
