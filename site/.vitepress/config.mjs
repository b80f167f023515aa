// The site of docs/, which scripts/build-site.mjs copies to site/pages. VitePress fails on a link that leads nowhere.
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { sidebar } from "./sidebar.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const docs = join(root, "docs");
const repository = "https://github.com/umbra-dev/umbra";

/** Links to files outside of docs/ go to the repository; those inside stay. */
function linksToRepository(markdown) {
  markdown.core.ruler.push("links-to-repository", ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== "link_open") continue;
      const href = token.attrGet("href") ?? "";
      if (/^[a-z]+:|^#/.test(href)) continue;
      const [file, anchor] = href.split("#");
      const goal = resolve(docs, env.relativePath ?? "", "..", file);
      const isPage =
        goal.startsWith(`${docs}/`) && (goal.endsWith(".md") || goal.endsWith(".html"));
      if (isPage || !existsSync(goal)) continue;
      const path = relative(root, goal);
      token.attrSet("href", `${repository}/blob/main/${path}${anchor ? `#${anchor}` : ""}`);
      token.attrSet("target", "_blank");
    }
  });
}

/** Words such as <name> are text: of HTML only comments and anchors are meant. */
function onlyKnownHtml(markdown) {
  const render = (tokens, index) => {
    const { content } = tokens[index];
    const isMeant = /^\s*(?:<!--|<\/?a\b)/.test(content);
    return isMeant ? content : markdown.utils.escapeHtml(content);
  };
  markdown.renderer.rules.html_inline = render;
  markdown.renderer.rules.html_block = render;
}

export default defineConfig({
  title: "Umbra",
  description:
    "Smart endpoint picking, smart mirroring and shadow evaluation for LLM inference behind Envoy.",
  srcDir: "pages",
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    // Before VitePress turns `.md` into the addresses of pages.
    config: (markdown) => markdown.use(linksToRepository).use(onlyKnownHtml),
    anchor: { slugify: slugOf },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: sidebar(docs),
    nav: [
      { text: "Evaluate a model", link: "/evaluate-a-model" },
      { text: "Operate", link: "/operate" },
      { text: "Reference", link: "/reference/" },
    ],
    socialLinks: [{ icon: "github", link: repository }],
    editLink: { pattern: `${repository}/edit/main/docs/:path`, text: "Edit this page" },
  },
});

/** GitHub's anchors, so that a link works in both places. */
function slugOf(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\- ]/gu, "")
    .replaceAll(" ", "-");
}
