// Turns the files of `changes/` into the part of CHANGELOG.md that a release adds. Pure: texts in, text out.

/** In the order of the page; `change` first, since users must act on it. */
const kinds = [
  ["change", "You must act"],
  ["feat", "New"],
  ["fix", "Fixed"],
  ["perf", "Faster"],
];
const firstLine = /^(feat|fix|change|perf)\(([a-z0-9-]+)\): (\S.*)$/;

/**
 * @param {readonly {readonly name: string, readonly text: string}[]} files
 * @returns {readonly {readonly kind: string, readonly scope: string, readonly line: string, readonly more: string}[]}
 * @throws {Error} with the file's name where the first line is not `kind(scope): what is now true`
 */
export function readChanges(files) {
  return files.map(({ name, text }) => {
    const [head = "", ...rest] = text.trim().split("\n");
    const found = firstLine.exec(head);
    if (found === null)
      throw new Error(
        `changes/${name}:1: "${head}" is not \`kind(scope): what is now true\`, with feat, fix, change or perf as its kind`,
      );
    const [, kind, scope, line] = found;
    return { kind, scope, line, more: rest.join("\n").trim() };
  });
}

/**
 * @param {string} page CHANGELOG.md as it is
 * @param {{readonly version: string, readonly changes: ReturnType<typeof readChanges>}} release
 * @returns {string} the page with a part for the version; what stood under "Unreleased" goes into it
 * @throws {Error} where the page has no "Unreleased" part, or has the version already
 */
export function addRelease(page, { version, changes }) {
  const heading = "## Unreleased\n";
  const at = page.indexOf(heading);
  if (at === -1) throw new Error('CHANGELOG.md has no line "## Unreleased"');
  if (page.includes(`\n## ${version}\n`))
    throw new Error(`CHANGELOG.md already has a part for ${version}`);
  const after = page.slice(at + heading.length);
  const next = after.search(/^## /m);
  const [unreleased, older] = next === -1 ? [after, ""] : [after.slice(0, next), after.slice(next)];
  const parts = kinds.flatMap(([kind, title]) => {
    const entries = changes
      .filter((each) => each.kind === kind)
      .sort((a, b) => order(a.scope, b.scope) || order(a.line, b.line));
    return entries.length === 0 ? [] : [`### ${title}\n\n${entries.map(entryOf).join("\n")}\n`];
  });
  const rest = unreleased.trim();
  const body = [...parts, ...(rest === "" ? [] : [`### Before these notes\n\n${rest}\n`])];
  return `${page.slice(0, at)}${heading}\n## ${version}\n\n${body.join("\n")}${older === "" ? "" : `\n${older}`}`;
}

function entryOf({ scope, line, more }) {
  const told = more === "" ? "" : `\n\n${more.replaceAll(/^(?=.)/gm, "  ")}\n`;
  return `- **${scope}**: ${line}${told}`;
}

function order(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
