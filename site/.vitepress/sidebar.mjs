// The sidebar of the documentation's site. Every page of docs/ is in it, so that none can only be found by a link.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Pages by what a reader wants, as in docs/index.md; a page that is in no list is under "More". */
const sections = [
  [
    "Do something",
    [
      "evaluate-a-model",
      "in-front-of-servers",
      "behind-a-gateway",
      "kubernetes",
      "import-the-scheduler",
      "operate",
      "extend",
    ],
  ],
  [
    "Understand it",
    [
      "architecture",
      "scheduling",
      "evaluation",
      "evaluation-errors",
      "pick-modes",
      "live-configuration",
      "peers",
      "hardening",
      "reliability",
      "conformance/README",
    ],
  ],
  [
    "Look it up",
    [
      "reference/index",
      "read-a-report",
      "shadow-policy",
      "gateway-api",
      "gateways",
      "own-bootstrap",
      "topology",
      "timers",
      "traces",
      "errors",
      "metrics",
    ],
  ],
];

/**
 * Every page of a folder and of the folders in it, as paths without `.md`, in alphabetical order.
 * @param {string} folder
 * @returns {readonly string[]}
 */
export function pagesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(".md"))
    .map((path) => path.slice(0, -".md".length))
    .sort();
}

/**
 * @param {string} docs the folder of the documentation
 * @returns {readonly {readonly text: string, readonly collapsed: boolean, readonly items: readonly {readonly text: string, readonly link: string}[]}[]}
 */
export function sidebar(docs) {
  const pages = pagesIn(docs);
  const ofFolder = (folder) => pages.filter((page) => page.startsWith(`${folder}/`));
  const all = [
    ...sections.map(([text, named]) =>
      text === "Look it up"
        ? [text, [...new Set([...named, ...ofFolder("reference")])]]
        : [text, named],
    ),
    ["Decisions", ofFolder("decisions")],
  ];
  const listed = new Set(["index", ...all.flatMap(([, named]) => named)]);
  const more = ["More", pages.filter((page) => !listed.has(page))];
  return [...all, more]
    .map(([text, named]) => ({
      text,
      collapsed: text === "Decisions" || text === "More",
      items: named.map((page) => ({ text: titleOf(docs, page), link: `/${page}` })),
    }))
    .filter(({ items }) => items.length > 0);
}

function titleOf(docs, page) {
  const text = readFileSync(join(docs, `${page}.md`), "utf8");
  return (/^# (.*)$/m.exec(text)?.[1] ?? page).replaceAll("`", "");
}
