// Holds sizes: no function over 60 lines, no file over 400, at most 4 parameters, and no boolean among those of an
// exported function. What is larger is listed in size-allowances.json, a list that may only shrink: the check fails
// where a listed size grew, and where an entry is no longer needed. `--shrink` lowers the listed sizes.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** What is measured, the largest size that needs no entry, and what a finding calls it. */
const limits = {
  fileLines: { most: 400, unit: "lines" },
  functionLines: { most: 60, unit: "lines" },
  parameters: { most: 4, unit: "parameters" },
  booleanParameters: { most: 0, unit: "boolean parameters" },
};

/**
 * The sizes of one file by kind, each by the name of what has it: the path, followed by the function's name.
 *
 * @returns {Record<keyof typeof limits, Map<string, number>>}
 */
export function sizesOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const sizes = {
    fileLines: new Map([[path, text.split("\n").length - (text.endsWith("\n") ? 1 : 0)]]),
    functionLines: new Map(),
    parameters: new Map(),
    booleanParameters: new Map(),
  };
  const keep = (kind, name, size) =>
    sizes[kind].set(name, Math.max(size, sizes[kind].get(name) ?? 0));
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line;

  function visit(node, names) {
    const own = nameOf(node);
    const inner = own === undefined ? names : [...names, own];
    if (isFunction(node) && node.body !== undefined) {
      const name = `${path} ${inner.join(".")}`;
      keep("functionLines", name, lineOf(node.end) - lineOf(node.getStart(source)) + 1);
      keep("parameters", name, node.parameters.length);
      const booleans = isExported(node) ? node.parameters.filter(isBoolean).length : 0;
      keep("booleanParameters", name, booleans);
    }
    ts.forEachChild(node, (child) => visit(child, inner));
  }

  visit(source, []);
  return sizes;
}

/** What is too large, or listed for no reason. */
export function problemsOf(sizes, allowances) {
  return Object.entries(limits).flatMap(([kind, { most, unit }]) => {
    const listed = allowances[kind] ?? {};
    const tooLarge = [...sizes[kind]].flatMap(([name, size]) => {
      const allowed = listed[name] ?? most;
      return size > allowed ? [`${name}: ${size} ${unit}, and at most ${allowed} are allowed`] : [];
    });
    const idle = Object.keys(listed)
      .filter((name) => (sizes[kind].get(name) ?? 0) <= most)
      .map((name) => `${name}: remove its entry from "${kind}" in scripts/size-allowances.json`);
    return [...tooLarge, ...idle];
  });
}

/** The allowances with what has shrunk; none is added, and none grows. */
export function shrunk(sizes, allowances) {
  return Object.fromEntries(
    Object.entries(limits).map(([kind, { most }]) => [
      kind,
      Object.fromEntries(
        Object.entries(allowances[kind] ?? {}).flatMap(([name, allowed]) => {
          const size = sizes[kind].get(name) ?? 0;
          return size <= most ? [] : [[name, Math.min(size, allowed)]];
        }),
      ),
    ]),
  );
}

/** All sizes of several files as one. */
export function merged(all) {
  return Object.fromEntries(
    Object.keys(limits).map((kind) => [kind, new Map(all.flatMap((each) => [...each[kind]]))]),
  );
}

function isFunction(node) {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node)
  );
}

/** What a function is called, or what holds one; undefined for all that gives no name. */
function nameOf(node) {
  if (ts.isConstructorDeclaration(node)) return "constructor";
  const isNamed =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isVariableDeclaration(node);
  if (isNamed) return node.name?.getText();
  // An argument of a call is named after what is called.
  const isArgument = isFunction(node) && ts.isCallExpression(node.parent);
  return isArgument ? `${node.parent.expression.getText().split(/\W/).at(-1)}()` : undefined;
}

function isExported(node) {
  if (ts.isFunctionDeclaration(node)) return hasExport(node);
  if (ts.isMethodDeclaration(node) || ts.isConstructorDeclaration(node)) {
    return ts.isClassDeclaration(node.parent) && hasExport(node.parent);
  }
  const declaration = node.parent;
  return ts.isVariableDeclaration(declaration) && hasExport(declaration.parent.parent);
}

function hasExport(node) {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

function isBoolean({ type, initializer }) {
  const parts = type !== undefined && ts.isUnionTypeNode(type) ? type.types : [type];
  const isTyped = parts.some((part) => part?.kind === ts.SyntaxKind.BooleanKeyword);
  const literals = [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword];
  return isTyped || literals.includes(initializer?.kind);
}

function run() {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const list = join(root, "scripts", "size-allowances.json");
  const packages = join(root, "packages");
  const files = readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(packages, name, "src"))
    .concat(join(root, "sim"))
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes("/gen/") && !file.startsWith(join(root, "sim", "test")))
    .toSorted();
  const sizes = merged(
    files.map((file) => sizesOf(relative(root, file), readFileSync(file, "utf8"))),
  );
  const allowances = JSON.parse(readFileSync(list, "utf8"));
  if (process.argv.includes("--shrink")) {
    writeFileSync(list, `${JSON.stringify(shrunk(sizes, allowances), null, 2)}\n`);
    return;
  }
  const problems = problemsOf(sizes, allowances);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
  else process.stderr.write("size: no file, function or list of parameters is too large\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run();
