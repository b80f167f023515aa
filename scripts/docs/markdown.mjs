// Reads as much of Markdown as the checks of the documentation need: which lines are prose, which are code, where links go.

/**
 * @typedef {{ kind: "prose" | "code" | "other", line: number, text: string }} Line `line` counts from 1
 * @typedef {{ line: number, language: string, source: string | undefined, text: string }} Snippet
 * @typedef {{ line: number, target: string }} Link
 */

const fence = /^ *(?:`{3,}|~{3,})/;
const item = /^ *(?:[-*]|\d+\.) /;

/**
 * Each line with what it is. Headings, tables, comments and generated parts are `other`.
 * @param {string} page
 * @returns {readonly Line[]}
 */
export function linesOf(page) {
  let open = "";
  let isGenerated = false;
  let isComment = false;
  return page.split("\n").map((text, index) => {
    const line = index + 1;
    if (fence.test(text)) {
      const mark = text.trim().slice(0, 3);
      if (open === "") open = mark;
      else if (open === mark) open = "";
      return { kind: "code", line, text };
    }
    if (open !== "") return { kind: "code", line, text };
    if (/^<!-- (?:generated:|fields -->)/.test(text)) isGenerated = true;
    if (/^<!-- (?:end of generated|\/fields -->)/.test(text)) isGenerated = false;
    if (/^<!--/.test(text)) isComment = true;
    const isOther = isGenerated || isComment || text.trim() === "" || isStructure(text);
    if (text.includes("-->")) isComment = false;
    return { kind: isOther ? "other" : "prose", line, text };
  });
}

/** Headings, tables, pictures, HTML, quotes, definitions of links. */
function isStructure(text) {
  return /^(?:#|\||!\[|<|>|\[[^\]]+\]: |---$|_.*_$)/.test(text.trimStart());
}

/**
 * The code blocks of a page. `source` is the file that a comment above names: `<!-- from examples/x.ts -->`.
 * @param {string} page
 * @returns {readonly Snippet[]}
 */
export function snippetsOf(page) {
  const lines = page.split("\n");
  const found = [];
  for (let start = 0; start < lines.length; start += 1) {
    const head = lines[start] ?? "";
    if (!fence.test(head)) continue;
    const indent = head.length - head.trimStart().length;
    const mark = head.trim().slice(0, 3);
    let end = start + 1;
    while (end < lines.length && !(lines[end] ?? "").trim().startsWith(mark)) end += 1;
    found.push({
      line: start + 1,
      language: head.trim().slice(3).trim(),
      source: /^ *<!-- from (\S+) -->/.exec(lines[start - 1] ?? "")?.[1],
      text: lines
        .slice(start + 1, end)
        .map((each) => each.slice(indent))
        .join("\n"),
    });
    start = end;
  }
  return found;
}

/**
 * Links and pictures of prose and tables.
 * @param {string} page
 * @returns {readonly Link[]}
 */
export function linksOf(page) {
  return linesOf(page)
    .filter(({ kind }) => kind !== "code")
    .flatMap(({ text, line }) =>
      [...withoutCode(text).matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g)].map(([, target]) => ({
        line,
        target: target ?? "",
      })),
    );
}

/**
 * What a link may name behind `#`, as GitHub makes it of headings, and `id`s written in HTML.
 * @param {string} page
 * @returns {ReadonlySet<string>}
 */
export function anchorsOf(page) {
  const anchors = new Set();
  for (const { kind, text } of linesOf(page)) {
    if (kind === "code") continue;
    for (const [, id] of text.matchAll(/<a id="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6} (.*)$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-");
    let name = slug;
    for (let i = 1; anchors.has(name); i += 1) name = `${slug}-${i}`;
    anchors.add(name);
  }
  return anchors;
}

/** The text with inline code blanked, character for character. */
function withoutCode(text) {
  return text.replace(/(`+)(?!`)(.*?[^`])\1(?!`)/g, (all) => "x".repeat(all.length));
}

/** Where each sentence of a line begins, behind the first. */
export function sentenceStarts(text) {
  const plain = withoutCode(text).replace(/\]\([^)]*\)/g, (all) => "x".repeat(all.length));
  const lead = /^ *(?:(?:[-*]|\d+\.) )?\*\*[^*]+[.:]\*\* /.exec(plain)?.[0].length ?? 0;
  const ends = /[.!?](?:["”)\]*_]|x(?=x* ))* +(?=["“(*_[]*[\p{Lu}x`\d])/gu;
  return [...plain.matchAll(ends)]
    .filter((match) => !isAbbreviation(plain.slice(0, match.index + 1)))
    .map((match) => match.index + match[0].length)
    .filter((start) => start > lead && !startsList(plain, start) && startsSentence(text, start));
}

/** A lower-case letter in the text itself begins no sentence; code may. */
function startsSentence(text, start) {
  return /^["“(*_[]*[\p{Lu}\d`]/u.test(text.slice(start));
}

function isAbbreviation(before) {
  return /(?:\b(?:e\.g|i\.e|etc|vs|cf|No|et al)|\.\.|(?:^| )\d{1,2})\.$/.test(before);
}

/** `1. Text`: the number of a list. */
function startsList(plain, start) {
  return item.test(plain.slice(0, start)) && /^ *\d+\. $/.test(plain.slice(0, start));
}
