import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { pagesIn, sidebar } from "../../site/.vitepress/sidebar.mjs";
import { linksOf } from "../docs/markdown.mjs";

const docs = fileURLToPath(new URL("../../docs", import.meta.url));

/** Pages of docs/ that links lead to, from a page on. */
function reachableFrom(first) {
  const found = new Set([first]);
  for (const page of found) {
    for (const { target } of linksOf(readFileSync(join(docs, `${page}.md`), "utf8"))) {
      const goal = resolve(docs, dirname(page), target.split("#")[0]);
      const isPage = goal.startsWith(`${docs}/`) && goal.endsWith(".md") && existsSync(goal);
      if (isPage) found.add(relative(docs, goal).slice(0, -".md".length));
    }
  }
  return [...found].sort();
}

test("the site's sidebar has each page once, by its title", () => {
  const items = sidebar(docs).flatMap((section) => section.items);
  expect(items.map(({ link }) => link.slice(1)).sort()).toEqual(
    pagesIn(docs).filter((page) => page !== "index"),
  );
  expect(items).toContainEqual({ text: "Operate Umbra", link: "/operate" });
});

test("links lead from the first page to every other", () => {
  expect(reachableFrom("index")).toEqual(pagesIn(docs));
});
