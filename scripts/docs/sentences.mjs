// One sentence a line in Markdown sources: a change of one sentence is then a diff of one line.
import { linesOf, sentenceStarts } from "./markdown.mjs";

const item = /^( *)((?:[-*]|\d+\.) +)/;

/**
 * Lines that hold more than one sentence, or end inside one.
 * @param {string} page
 * @returns {readonly string[]} `line what is wrong`
 */
export function sentenceFaults(page) {
  const lines = linesOf(page);
  return lines.flatMap(({ kind, line, text }, index) => {
    if (kind !== "prose") return [];
    const faults = [];
    const [start] = sentenceStarts(text);
    if (start !== undefined)
      faults.push(`${line} a second sentence begins at "${text.slice(start, start + 24)}"`);
    if (continues(lines[index + 1]) && !endsSentence(text))
      faults.push(`${line} the sentence continues in the next line`);
    return faults;
  });
}

/**
 * The page with one sentence a line.
 * @param {string} page
 */
export function oneSentenceEach(page) {
  const out = [];
  const lines = linesOf(page);
  for (let i = 0; i < lines.length; i += 1) {
    const { kind, text } = lines[i];
    if (kind !== "prose") {
      out.push(text);
      continue;
    }
    let paragraph = text.trimEnd();
    while (continues(lines[i + 1])) {
      i += 1;
      paragraph += ` ${lines[i].text.trim()}`;
    }
    out.push(...split(paragraph));
  }
  return out.join("\n");
}

function split(paragraph) {
  const [, indent = "", bullet = ""] = item.exec(paragraph) ?? [/^/, /^ */.exec(paragraph)?.[0]];
  const starts = [0, ...sentenceStarts(paragraph)];
  return starts.map((start, i) => {
    const sentence = paragraph.slice(start, starts[i + 1]).trimEnd();
    return i === 0 ? sentence : `${indent}${" ".repeat(bullet.length)}${sentence}`;
  });
}

/** Whether a line belongs to the paragraph or list item of the line before. */
function continues(next) {
  return next !== undefined && next.kind === "prose" && !item.test(next.text);
}

function endsSentence(text) {
  return /[.:!?…](?:["”)\]*_`]|\]\([^)]*\))*$/.test(text.trimEnd());
}
