// Finds the tests that a change may break: those that import a changed file, or a file that does.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { importsOf } from "./check-imports.mjs";

const folders = ["packages", "e2e", "sim", "scripts", "testing"];
const isSource = (name) => /\.m?[jt]s$/.test(name);
const isTest = (name) => /\.test\.m?[jt]s$/.test(name);
const isSkipped = (name) => /(?:^|\/)(?:node_modules|dist|cjs|gen)(?:\/|$)/.test(name);

/**
 * @param {string} root of the checkout
 * @param {readonly string[]} changed paths from there
 * @returns {readonly string[]} test files, those of the changed files' own folders first
 */
export function affectedTests(root, changed) {
  const importers = importersOf(root);
  const found = new Set(changed);
  for (const file of found) for (const each of importers.get(file) ?? []) found.add(each);
  const own = new Set(changed.map(packageOf));
  return [...found]
    .filter((file) => isTest(file) && existsSync(join(root, file)))
    .toSorted((a, b) => Number(own.has(packageOf(b))) - Number(own.has(packageOf(a))));
}

/** By file, what imports it. */
function importersOf(root) {
  const exported = exportsOf(root);
  const importers = new Map();
  for (const file of sourceFiles(root)) {
    for (const name of importsOf(readFileSync(join(root, file), "utf8"))) {
      const target = name.startsWith(".") ? join(dirname(file), name) : exported.get(name);
      if (target === undefined) continue;
      if (!importers.has(target)) importers.set(target, []);
      importers.get(target).push(file);
    }
  }
  return importers;
}

function sourceFiles(root) {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder)).flatMap((name) => walk(root, join(folder, name))),
    )
    .filter(isSource);
}

function walk(root, path) {
  if (isSkipped(path)) return [];
  try {
    return readdirSync(join(root, path)).flatMap((name) => walk(root, join(path, name)));
  } catch {
    return [path];
  }
}

/** By what is imported, `@umbra/scheduler/metrics`, its source file. */
function exportsOf(root) {
  return new Map(
    readdirSync(join(root, "packages")).flatMap((folder) => {
      const file = join(root, "packages", folder, "package.json");
      const { name, exports = {} } = JSON.parse(readFileSync(file, "utf8"));
      return Object.entries(exports).flatMap(([path, target]) => {
        const source = target["@umbra/source"];
        return source === undefined
          ? []
          : [[join(name, path), relative(root, join(dirname(file), source))]];
      });
    }),
  );
}

function packageOf(file) {
  return file.split("/").slice(0, 2).join("/");
}
