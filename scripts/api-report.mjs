// Makes packages/*/api.md: what each entry of a package exports, as its declarations say, so that a change of the public API
// shows in a diff. Written by `npm run generate`. The declarations are made from the sources, so that no stale build is read.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  allowImportingTsExtensions: true,
  noLib: true,
  types: [],
};
const printer = ts.createPrinter({ removeComments: true });
const about = "Written by `npm run generate`: a change of this file is a change of the public API.";
/** Exported only for this repository's own tests and benches: no part of the API. */
const internalEntry = "./internal";

/** The reports of the packages in a folder, each by its path from the folder above. */
export function apiReports(folder = join(root, "packages")) {
  const packages = readdirSync(folder)
    .sort()
    .map((name) => readPackage(join(folder, name)));
  const entries = packages.flatMap((each) => each.entries);
  const program = ts.createProgram({
    rootNames: entries.map(({ file }) => file),
    options,
    host: declarationHost(),
  });
  return Object.fromEntries(
    packages.map(({ folder, name, entries: own }) => [
      `packages/${folder}/api.md`,
      report(program, name, own),
    ]),
  );
}

function readPackage(path) {
  const { name, exports } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const entries = Object.entries(exports)
    .filter(([entry]) => entry !== internalEntry)
    .map(([entry, target]) => ({
      name: `${name}${entry.slice(1)}`,
      file: join(path, target["@umbra/source"]),
    }));
  return { folder: basename(path), name, entries };
}

/** Gives the declarations of a source instead of its text: `isolatedDeclarations` promises that one file is enough to make them. */
function declarationHost() {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    getSourceFile(fileName, languageVersion) {
      const text = host.readFile(fileName);
      if (text === undefined) return undefined;
      const isOurs = /\/packages\/[^/]+\/src\//.test(fileName) && !fileName.endsWith(".d.ts");
      const made = isOurs
        ? ts.transpileDeclaration(text, { fileName, compilerOptions: options }).outputText
        : text;
      return ts.createSourceFile(fileName, made, languageVersion, true);
    },
    // Other packages are reported on their own.
    resolveModuleNameLiterals: (literals, containingFile) =>
      literals.map(({ text }) => ({
        resolvedModule: text.startsWith(".")
          ? {
              resolvedFileName: join(containingFile, "..", text),
              extension: ts.Extension.Ts,
            }
          : undefined,
      })),
  };
}

function report(program, name, entries) {
  const checker = program.getTypeChecker();
  const apis = entries.map((entry) => ({
    name: `## ${entry.name}`,
    exported: exportsOf(checker, program.getSourceFile(entry.file)),
  }));
  const targets = apis.flatMap(({ exported }) => exported.map(({ target }) => target));
  const beside = targetsBeside(checker, new Set(targets));
  if (beside.length > 0) apis.push({ name: "## Not exported, used above", exported: beside });
  return `# The API of ${name}\n\n${about}\n${apis.map(sectionOf).join("")}`;
}

function exportsOf(checker, source) {
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(source))
    .map((symbol) => ({ name: symbol.name, target: targetOf(checker, symbol) }))
    .sort(byName);
}

function byName(a, b) {
  return a.name < b.name ? -1 : 1;
}

function targetOf(checker, symbol) {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  return isAlias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** Of a variable the whole statement, which says `const`. */
function statementOf(node) {
  return ts.isVariableDeclaration(node) ? node.parent.parent : node;
}

/** Our own top-level declarations that those of `targets` refer to, directly or not. */
function targetsBeside(checker, targets) {
  const all = new Set(targets);
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const symbol = checker.getSymbolAtLocation(node);
      const target = symbol === undefined ? undefined : targetOf(checker, symbol);
      const [declaration] = target?.declarations ?? [];
      if (declaration !== undefined && ts.isSourceFile(statementOf(declaration).parent))
        all.add(target);
    }
    ts.forEachChild(node, visit);
  };
  // The set grows meanwhile, and what is added is visited too.
  for (const { declarations = [] } of all)
    for (const each of declarations) visit(statementOf(each));
  return [...all]
    .filter((target) => !targets.has(target))
    .map((target) => ({ name: target.name, target }))
    .sort(byName);
}

function sectionOf({ name, exported }) {
  const code = exported.map(({ name: as, target }) => {
    const nodes = new Set((target.declarations ?? []).map(statementOf));
    return [...nodes].map((node) => textOf(node, as, target)).join("\n");
  });
  return `\n${name}\n\n\`\`\`ts\n${code.join("\n\n")}\n\`\`\`\n`;
}

function textOf(node, name, target) {
  const text = printer
    .printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
    .replace(/^(export )?(declare )?/, "");
  return target.name === name ? text : `${text}\nexport { ${target.name} as ${name} };`;
}
