// Checks Markdown sources: one sentence a line, links that lead somewhere, and code that is also run, type-checked or compared.
// `--write` splits sentences into lines first.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { anchorsOf, linksOf, snippetsOf } from "./docs/markdown.mjs";
import { oneSentenceEach, sentenceFaults } from "./docs/sentences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const passedOver = new Set(["node_modules", ".git", ".cache", "dist", "cases", "coverage", "site"]);

/** Pages of which every line is written by a command, and release notes. */
const generated = [
  /^CHANGELOG\.md$/,
  /^changes\/(?!README)/,
  /^docs\/evaluation-errors\.md$/,
  /^docs\/reference\/(?!index)/,
  /^packages\/[^/]+\/api\.md$/,
];

/** Every page of the repository, by its path from the root. */
export function pagesOf(folder = root) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (passedOver.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pagesOf(path);
    return entry.name.endsWith(".md") ? [relative(root, path)] : [];
  });
}

/**
 * Links of a page to files or headings that are not there.
 * @param {string} path of the page, from the root
 * @param {string} text
 * @returns {readonly string[]} `line what is wrong`
 */
export function linkFaults(path, text) {
  return linksOf(text).flatMap(({ line, target }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", anchor] = target.split("#");
    // GitHub's own pages, such as issues, are beside the tree.
    if (file.startsWith("../blob/")) return [];
    const goal = resolve(root, file === "" ? path : join(dirname(path), file));
    if (file !== "" && !existsSync(goal)) return [`${line} ${target}: there is no such file`];
    if (anchor === undefined || !goal.endsWith(".md")) return [];
    const page = file === "" ? text : readFileSync(goal, "utf8");
    return anchorsOf(page).has(anchor) ? [] : [`${line} ${target}: there is no such heading`];
  });
}

/**
 * Code blocks that differ from the file they claim to come from, and TypeScript that nothing checks.
 * @param {string} text
 * @returns {readonly string[]} `line what is wrong`
 */
export function snippetFaults(text, read = (path) => readFileSync(join(root, path), "utf8")) {
  return snippetsOf(text).flatMap(({ line, language, source, text: code }) => {
    if (source !== undefined) {
      return read(source).trimEnd() === code.trimEnd()
        ? []
        : [`${line} differs from ${source}: copy the file here`];
    }
    return language === "ts"
      ? [`${line} nothing checks this code: take it from a file, <!-- from examples/… -->`]
      : [];
  });
}

/** `docs/…` in messages, comments and help that names no file. */
export function namedPageFaults(path, text) {
  return text
    .split("\n")
    .flatMap((each, index) =>
      [...each.matchAll(/\bdocs\/[\w./-]+\.(?:md|json|png)\b/g)]
        .filter(([name]) => !existsSync(join(root, name)))
        .map(([name]) => `${path}:${index + 1} ${name}: there is no such file`),
    );
}

function sourcesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (passedOver.has(entry.name) || entry.name === "gen") return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return /\.(?:ts|mjs|ya?ml|sh)$/.test(entry.name) ? [relative(root, path)] : [];
  });
}

/** A page that is empty, or that no reader and no site can name. */
export function titleFaults(path, text) {
  if (path.startsWith(".github/") || text.startsWith("# ")) return [];
  return ["1 the first line is no title, such as: # Errors"];
}

function faultsOf(path) {
  const text = readFileSync(join(root, path), "utf8");
  const isOf = (patterns) => patterns.some((pattern) => pattern.test(path));
  if (isOf(generated)) return linkFaults(path, text);
  const sentences = sentenceFaults(text);
  return [
    ...titleFaults(path, text),
    ...sentences,
    ...linkFaults(path, text),
    ...snippetFaults(text),
  ];
}

function run() {
  const pages = pagesOf();
  if (process.argv.includes("--write")) {
    for (const path of pages.filter((each) => !generated.some((of) => of.test(each)))) {
      const file = join(root, path);
      const text = readFileSync(file, "utf8");
      const split = oneSentenceEach(text);
      if (split !== text) writeFileSync(file, split);
    }
  }
  const sources = ["packages", "scripts", "e2e", "bench", "examples", "deploy", "sim", "testing"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder) && statSync(folder).isDirectory())
    .flatMap(sourcesOf)
    .filter((path) => path !== join("scripts", "test", "check-docs.test.mjs"));
  const faults = [
    ...pages.flatMap((path) =>
      faultsOf(path).map((fault) => `${path}:${fault.replace(" ", ": ")}`),
    ),
    ...sources.flatMap((path) => namedPageFaults(path, readFileSync(join(root, path), "utf8"))),
  ];
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stdout.write(`docs: ${pages.length} pages, ${faults.length} faults\n`);
  if (faults.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) run();
