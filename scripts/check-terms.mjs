// Keeps retired words out of everything that people read: comments, messages, test names and Markdown. terms.json lists
// each word with what to write instead, the exceptions with their reasons, and how often each folder still has a retired
// word. Those counts may only shrink: `--shrink` lowers them to what is found.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markdownProse, sourceProse } from "./prose.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const listFile = new URL("terms.json", import.meta.url);

/** Generated files, past changes (history is not rewritten) and the data of the check itself. */
const skipped =
  /(?:^|\/)(?:gen|generated|golden|cases|node_modules|dist)\/|^CHANGELOG\.md$|^changes\/|^scripts\/test\/check-terms/;

/**
 * Every retired word in a file.
 *
 * @param {{ find: string, write: string }[]} terms `find` is a regular expression; a space in it is any white space
 * @returns {{ path: string, line: number, column: number, find: string, found: string, write: string }[]}
 */
export function findingsIn(path, text, terms) {
  const prose = path.endsWith(".md") ? markdownProse(text) : sourceProse(text);
  if (!anyOf(terms).test(prose)) return [];
  return terms.flatMap(({ find, write }) =>
    [...prose.matchAll(patternOf(find))].map(({ index, 0: match }) => {
      const before = text.slice(0, index).split("\n");
      const found = match.replace(/\s+/g, " ");
      return { path, line: before.length, column: before.at(-1).length + 1, find, found, write };
    }),
  );
}

/** The findings that no exception covers. An exception names a term and the starts of paths. */
export function withoutExceptions(findings, exceptions) {
  return findings.filter(
    ({ path, find }) =>
      !exceptions.some(
        (exception) =>
          exception.find === find && exception.paths.some((start) => path.startsWith(start)),
      ),
  );
}

/** How often each folder has each term. */
export function countsOf(findings) {
  const counts = {};
  for (const { path, find } of findings) {
    const folder = folderOf(path);
    counts[folder] ??= {};
    counts[folder][find] = (counts[folder][find] ?? 0) + 1;
  }
  return counts;
}

/** Each finding of a folder that has more of the term than is listed, and each entry that is no longer needed. */
export function problemsOf(findings, unfixed) {
  const counts = countsOf(findings);
  const tooMany = findings
    .filter(({ path, find }) => {
      const folder = folderOf(path);
      return counts[folder][find] > (unfixed[folder]?.[find] ?? 0);
    })
    .map(({ path, line, column, found, write }) => {
      return `${path}:${line}:${column}: "${found}": write ${write}`;
    });
  const idle = Object.entries(unfixed).flatMap(([folder, terms]) =>
    Object.keys(terms)
      .filter((find) => counts[folder]?.[find] === undefined)
      .map((find) => `${folder}: remove "${find}" from "unfixed" in scripts/terms.json (--shrink)`),
  );
  return [...tooMany, ...idle];
}

/** The listed counts, lowered to what is found. */
export function shrunk(findings, unfixed) {
  const counts = countsOf(findings);
  const lowered = Object.entries(unfixed).map(([folder, terms]) => [
    folder,
    Object.fromEntries(
      Object.entries(terms).flatMap(([find, listed]) => {
        const count = Math.min(listed, counts[folder]?.[find] ?? 0);
        return count === 0 ? [] : [[find, count]];
      }),
    ),
  ]);
  return Object.fromEntries(lowered.filter(([, terms]) => Object.keys(terms).length > 0));
}

/** `packages/x/src` of a package's file, else the first part of the path. */
function folderOf(path) {
  const parts = path.split("/");
  return parts.slice(0, parts[0] === "packages" ? 3 : 1).join("/");
}

function patternOf(find) {
  return new RegExp(`(?<![\\w-])(?:${find.replaceAll(" ", "\\s+")})(?![\\w-])`, "gi");
}

const combined = new WeakMap();

/** One pattern for all terms: most files have none of them. */
function anyOf(terms) {
  let pattern = combined.get(terms);
  if (pattern === undefined) {
    const all = terms.map(({ find }) => find.replaceAll(" ", "\\s+")).join("|");
    pattern = new RegExp(`(?<![\\w-])(?:${all})(?![\\w-])`, "i");
    combined.set(terms, pattern);
  }
  return pattern;
}

function run() {
  const list = JSON.parse(readFileSync(listFile, "utf8"));
  const listed = execFileSync(
    "git",
    ["ls-files", "-co", "--exclude-standard", "--", "*.md", "*.ts", "*.mjs"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 2 ** 24,
    },
  );
  const findings = withoutExceptions(
    listed
      .trim()
      .split("\n")
      .filter((path) => !skipped.test(path))
      .flatMap((path) => findingsIn(path, readIfPresent(`${root}${path}`), list.terms)),
    list.exceptions,
  );
  if (process.argv.includes("--all")) {
    for (const { path, line, column, found, write } of findings) {
      console.log(`${path}:${line}:${column}: "${found}": write ${write}`);
    }
    return;
  }
  if (process.argv.includes("--shrink")) {
    list.unfixed = shrunk(findings, list.unfixed);
    writeFileSync(listFile, formatted(list));
  }
  const problems = problemsOf(findings, list.unfixed);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

/** The list as Biome formats it: arrays on one line where they fit in 100 columns. */
function formatted(list) {
  const text = JSON.stringify(list, undefined, 2).replace(
    / {6}"paths": \[\s+([^\]]*?)\s+\]/g,
    (whole, items) => {
      const line = `      "paths": [${items.replace(/\s+/g, " ")}]`;
      return line.length < 100 ? line : whole;
    },
  );
  return `${text}\n`;
}

/** A file that was removed and not committed yet is still listed. */
function readIfPresent(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause.code === "ENOENT") return "";
    throw cause;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run();
