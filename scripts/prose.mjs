// Finds what people read in a source file: comments, strings that hold more than one word, and Markdown text.
// Everything else is blanked out in place, so that a position in the result is a position in the file.

/** Stands for code. It is no white space and no letter, so no phrase reaches across it. */
const code = "\0";

/** The text of a Markdown file without code blocks, inline code and link targets; same length as `text`. */
export function markdownProse(text) {
  return text
    .replace(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^\1[^\n]*$|$(?![\s\S]))/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/`[^`\n]+`/g, blank)
    .replace(/\]\([^)\n]*\)/g, blank)
    .replace(/https?:\/\/[^\s)>]+/g, blank);
}

/** The comments and strings of a JavaScript or TypeScript file; same length as `text`. */
export function sourceProse(text) {
  const parts = [];
  let end = 0;
  for (const token of tokensOf(text)) {
    parts.push(blank(text.slice(end, token.start)), proseOf(text.slice(token.start, token.end)));
    end = token.end;
  }
  parts.push(blank(text.slice(end)));
  return parts.join("");
}

/** One comment or string: its words, without the characters that mark it as a comment or as code. */
function proseOf(token) {
  if (!token.startsWith("/")) return /\S\s+\S/.test(token) ? token : blank(token);
  return token
    .replace(/^\/\*+|^\/\/+|\*\/$|^[ \t]*\*(?!\/)/gm, (mark) => " ".repeat(mark.length))
    .replace(/`[^`\n]+`/g, blank)
    .replace(/\{@link [^}]*\}/g, blank)
    .replace(/https?:\/\/\S+/g, blank);
}

function blank(text) {
  return text.replace(/\S/g, code);
}

const tokenStart = /\/\*|\/\/|["'`/{}]/g;

/** The comments, strings and fixed parts of templates, in order. */
function* tokensOf(text) {
  /** How many braces are open in each `${…}` around the position. */
  const templates = [];
  tokenStart.lastIndex = 0;
  for (let match = tokenStart.exec(text); match !== null; match = tokenStart.exec(text)) {
    const start = match.index;
    const isTemplateTail = match[0] === "}" && templates.at(-1) === 0;
    let end = start + 1;
    if (match[0] === "/*") end = endAfter(text, "*/", start + 2);
    else if (match[0] === "//") end = endAt(text, "\n", start);
    else if (match[0] === '"' || match[0] === "'") end = endOfString(text, start);
    else if (match[0] === "`" || isTemplateTail) {
      if (isTemplateTail) templates.pop();
      end = endOfTemplatePart(text, start + 1);
      if (text[end - 1] === "{") templates.push(0);
    } else if (match[0] === "/") end = endOfPattern(text, start);
    else if (templates.length > 0) templates[templates.length - 1] += match[0] === "{" ? 1 : -1;
    if (match[0] !== "/" && end > start + 1) yield { start, end };
    tokenStart.lastIndex = end;
  }
}

function endAfter(text, mark, from) {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at + mark.length;
}

function endAt(text, mark, from) {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}

function endOfString(text, start) {
  const pattern = text[start] === '"' ? /"(?:[^"\\\n]|\\[\s\S])*"?/y : /'(?:[^'\\\n]|\\[\s\S])*'?/y;
  pattern.lastIndex = start;
  pattern.exec(text);
  return pattern.lastIndex;
}

/** The position behind the closing backtick, or behind the `${` that comes first. */
function endOfTemplatePart(text, from) {
  const pattern = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y;
  pattern.lastIndex = from;
  pattern.exec(text);
  return pattern.lastIndex;
}

/** The position behind a regular expression; behind the slash itself where it divides. */
function endOfPattern(text, start) {
  const before = text.slice(Math.max(0, start - 20), start).trimEnd();
  if (/(?:[\w)\]}"'`]|\+\+|--)$/.test(before) && !/\b(?:return|case|typeof|of|in)$/.test(before))
    return start + 1;
  const pattern = /\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start + 1;
}
