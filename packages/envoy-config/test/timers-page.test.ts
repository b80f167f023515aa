import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { directTopology, renderBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const page = read("docs/timers.md");
const [bootstrapPart = "", ownPart = ""] = page.split("## Timers of Envoy that");

/** Rows of a table: the timer, its value, the effect, and the test. */
function rowsOf(part: string): readonly (readonly string[])[] {
  return [...part.matchAll(/^\| `(.*?)` *\|(.*)\|$/gm)].map(([, timer = "", rest = ""]) => [
    timer,
    ...rest.split(" | ").map((cell) => cell.trim()),
  ]);
}

/** Names of all time fields in the page's form: the nearest typed message, then the path. */
function timersIn(value: unknown, type = "Bootstrap", path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => timersIn(each, type, path));
  if (typeof value === "object" && value !== null) {
    const own = (value as { readonly "@type"?: string })["@type"]?.split(".").at(-1);
    return Object.entries(value).flatMap(([key, each]) =>
      own === undefined ? timersIn(each, type, [...path, key]) : timersIn(each, own, [key]),
    );
  }
  const isTime = typeof value === "string" && /^\d+(\.\d+)?s$/.test(value);
  const isProbe = path.at(-1)?.startsWith("keepalive_") === true;
  return isTime || isProbe ? [`${type}: ${path.join(".")}`] : [];
}

test("docs/timers.md lists exactly the timers of rendered bootstraps", () => {
  const goldens = globSync("envoy/*/envoy.yaml", { cwd: fileURLToPath(root) }).map(read);
  const direct = renderBootstrap(
    directTopology({ primary: ["10.0.0.1:1"], shadow: ["10.0.0.2:1"], port: 8080 }),
    { statsListener: "127.0.0.1:9902" },
  );
  const timers = new Set([...goldens, direct].flatMap((text) => timersIn(parse(text))));
  const documented = rowsOf(bootstrapPart).map(([timer]) => timer);
  expect(documented.toSorted()).toEqual([...timers].toSorted());
});

test("each timer has an existing test, or the page gives the reason", () => {
  const rows = [...rowsOf(bootstrapPart), ...rowsOf(ownPart)];
  expect(rows.length).toBeGreaterThan(40);
  const wrong = rows.filter(([, , , crossed = ""]) => {
    const [, file = "", name = ""] = /^`(e2e\/[\w.-]+)`: (.+)$/.exec(crossed) ?? [];
    return file === "" ? !/^not crossed: .{5}/.test(crossed) : !read(file).includes(name);
  });
  expect(wrong).toEqual([]);
});
