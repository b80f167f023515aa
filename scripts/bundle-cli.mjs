// Bundles the built CLI with its dependencies into .cache/bundle, a folder with the shape of `packages/`: a command that loads a
// dozen files starts three times as fast as one that loads a thousand. Tests and `npm run demo` start hundreds of commands.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = join(root, "packages");
const bundle = join(root, ".cache", "bundle");
/** Where the bundle grows, so that one that fails halfway is never started. */
const draft = join(root, ".cache", `bundle-${process.pid}`);

/** What `bin/umbra.js` imports. */
const commandFiles = ["cli/dist/main.js", "cli/dist/process/heap-growth.js"];

rmSync(draft, { recursive: true, force: true });
await build({
  entryPoints: [...commandFiles, ...threadFiles()].map((file) => join(packages, file)),
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22",
  outbase: packages,
  outdir: draft,
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
  // CommonJS dependencies call `require` for Node's own modules.
  banner: {
    js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
  },
  // An optional peer, which must be the one that an application loads.
  external: ["@opentelemetry/api"],
  plugins: [
    { name: "addresses", setup: keepAddresses },
    { name: "names", setup: keepNames },
  ],
});
mkdirSync(join(draft, "cli/bin"), { recursive: true });
copyFileSync(join(packages, "cli/bin/umbra.js"), join(draft, "cli/bin/umbra.js"));
rmSync(bundle, { recursive: true, force: true });
renameSync(draft, bundle);

/** The files that threads start with, relative to `packages`. */
function threadFiles() {
  return readdirSync(packages)
    .flatMap((name) => {
      const output = join(packages, name, "dist");
      return readdirSync(output, { recursive: true }).map((file) => join(output, file));
    })
    .filter((file) => basename(file) === "worker.js")
    .map((file) => relative(packages, file));
}

/**
 * Code finds files next to its own by `import.meta.url`. In the bundle that stays the address of the built file, except where it leads to
 * another part of the bundle: to a thread's file or to the command.
 */
function keepAddresses({ onLoad }) {
  onLoad({ filter: /[/\\]packages[/\\][^/\\]+[/\\]dist[/\\].*\.js$/ }, ({ path }) => {
    const text = readFileSync(path, "utf8");
    const startsBundle = /new Worker\(|bin\/umbra\.js/.test(text);
    const file = startsBundle ? join(bundle, relative(packages, path)) : path;
    const address = JSON.stringify(pathToFileURL(file).href);
    return { contents: text.replaceAll("import.meta.url", address), loader: "js" };
  });
}

/**
 * Of a CommonJS dependency that is imported late, esbuild exports nothing but `default`; Node finds names as well. The names that Node
 * finds become exports here too.
 */
function keepNames({ onResolve, onLoad, resolve }) {
  onResolve({ filter: /^[^.@/]/ }, async ({ path, kind, ...from }) => {
    if (kind !== "dynamic-import" || isBuiltin(path)) return undefined;
    const { resolveDir, importer } = from;
    const found = await resolve(path, { resolveDir, importer, kind: "import-statement" });
    return { path: found.path, namespace: "names" };
  });
  onLoad({ filter: /./, namespace: "names" }, async ({ path }) => {
    const names = Object.keys(await import(pathToFileURL(path).href));
    const lines = names
      .filter((name) => name !== "module.exports")
      .map((name) => `export ${name === "default" ? "default" : `const ${name} =`} all.${name};`);
    const contents = [`import * as all from ${JSON.stringify(path)};`, ...lines].join("\n");
    return { contents, resolveDir: dirname(path) };
  });
}
