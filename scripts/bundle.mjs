import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Puts files and all that they import together, into a few files of `outdir`.
 *
 * @param addressOf the path that a file of a package has as `import.meta.url`; by default its own
 * @param options options of esbuild that differ from a build for Node
 */
export async function bundle({ addressOf = ({ path }) => path, ...options }) {
  await build({
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    absWorkingDir: root,
    // CommonJS dependencies call `require` for Node's own modules.
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
    },
    // Reading white space takes a fifth of a start. Names stay, and lines stay short, for stacks.
    ...{ minifyWhitespace: true, minifySyntax: true, lineLimit: 160 },
    plugins: [
      { name: "addresses", setup: (build) => keepAddresses(build, addressOf) },
      { name: "names", setup: keepNames },
      { name: "http", setup: importHttpLazily },
    ],
    ...options,
  });
}

/** Code finds files next to its own by `import.meta.url`, which is another address in a bundle. */
function keepAddresses({ onLoad }, addressOf) {
  onLoad({ filter: /\.(?:js|ts)$/ }, ({ path }) => {
    const isOurs = path.startsWith(root) && !/[/\\]node_modules[/\\]/.test(path);
    if (!isOurs) return undefined;
    const text = readFileSync(path, "utf8");
    const address = JSON.stringify(pathToFileURL(addressOf({ path, text })).href);
    const contents = text.replaceAll("import.meta.url", address);
    return { contents, loader: path.endsWith(".ts") ? "ts" : "js" };
  });
}

/**
 * An `import` of `node:http` reads all that it exports, and so Node loads its own undici for `WebSocket` and `fetch`: a tenth of the time
 * that a short command takes.
 */
function importHttpLazily({ onResolve, onLoad }) {
  onResolve({ filter: /^node:https?$/ }, ({ path, kind }) =>
    kind === "import-statement" ? { path, namespace: "lazy" } : undefined,
  );
  onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => ({
    contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    loader: "js",
  }));
}

/**
 * Of a CommonJS dependency that is imported late, esbuild exports nothing but `default`; Node finds names as well. The names that Node
 * finds become exports here too.
 */
function keepNames({ onResolve, onLoad, resolve }) {
  // An optional peer, which must be the one that an application loads.
  onResolve({ filter: /^@opentelemetry\/api$/ }, ({ kind }) =>
    kind === "dynamic-import" ? { external: true } : undefined,
  );
  onResolve({ filter: /^[^./]/ }, async ({ path, kind, ...from }) => {
    if (kind !== "dynamic-import" || isBuiltin(path)) return undefined;
    const { resolveDir, importer } = from;
    const found = await resolve(path, { resolveDir, importer, kind: "import-statement" });
    const isDependency = /[/\\]node_modules[/\\]/.test(found.path);
    return isDependency ? { path: found.path, namespace: "names" } : undefined;
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
