import { Composer, type Document, Lexer, type LineCounter, Parser } from "yaml";
import type { DiagnosticCode } from "../codes.ts";

export type ParsedDocument =
  | { readonly document: Document }
  | { readonly problem: DocumentProblem };

export interface DocumentProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Offset in the text. */
  readonly offset: number;
}

const maxDocuments = 20_000;
const maxDepth = 100;
/** Maximum tokens (names, values, brackets, spaces, line ends). Each needs about 300 bytes while its document is parsed. */
const maxParts = 2_000_000;

/**
 * Parses a file document by document. Reports only the first problem of a document, because later ones usually follow
 * from it. Counts the nesting on the tokens, before building anything from them.
 */
export function* parseDocuments(text: string, lines: LineCounter): Generator<ParsedDocument> {
  const parser = new Parser(lines.addNewLine);
  const measure = createMeasure();
  let composer = createComposer();
  let offset = 0;
  let count = 0;
  let parts = 0;
  let isBroken = false;

  function* compose(token: Parameters<Composer["next"]>[0]): Generator<ParsedDocument> {
    if (token.type === "document") isBroken = false;
    if (token.type === "error") {
      if (!isBroken) yield syntaxProblem(token.message, token.offset);
      isBroken = true;
      return;
    }
    try {
      for (const document of composer.next(token)) yield* checked(document);
    } catch (cause) {
      if (!(cause instanceof FirstProblem)) throw cause;
      for (const document of composer.end()) yield* checked(document);
      composer = createComposer();
      yield syntaxProblem(cause.message, cause.offset);
    }
  }

  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    const { depth, width } = measure(lexeme);
    if (depth > maxDepth) {
      yield limitProblem(`more than ${maxDepth} levels of nesting`, offset);
      return;
    }
    if (++parts > maxParts) {
      const most = maxParts.toLocaleString("en-US");
      yield limitProblem(`more than ${most} names, values, brackets and spaces`, offset);
      return;
    }
    offset += width;
    for (const token of parser.next(lexeme)) {
      if (token.type === "document" && ++count > maxDocuments) {
        yield limitProblem(`more than ${maxDocuments} documents in one file`, offset);
        return;
      }
      yield* compose(token);
    }
  }
  for (const token of parser.end()) yield* compose(token);
  for (const document of composer.end()) yield* checked(document);
}

function* checked(document: Document.Parsed): Generator<ParsedDocument> {
  const [error] = document.errors;
  yield error === undefined ? { document } : syntaxProblem(error.message, error.pos[0]);
}

/** Thrown to stop composing a document. */
class FirstProblem extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Duplicate keys are checked by Umbra: the library's check takes quadratic time. */
function createComposer(): Composer {
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false });
  let first: FirstProblem | undefined;
  // A broken document can have as many problems as bytes, so composing stops at the first. The library catches
  // exceptions inside a collection and reports them again as a problem of the collection.
  const onError = (at: unknown, _code: string, message: string, isWarning?: boolean) => {
    if (isWarning === true) return;
    first ??= new FirstProblem(message, offsetOf(at));
    throw first;
  };
  Object.defineProperty(composer, "onError", { value: onError });
  return composer;
}

function offsetOf(at: unknown): number {
  if (typeof at === "number") return at;
  if (Array.isArray(at)) return Number(at[0]);
  const { offset } = at as { readonly offset?: number };
  return offset ?? 0;
}

function syntaxProblem(said: string, offset: number): ParsedDocument {
  const message = `invalid YAML: ${said.split("\n", 1)[0]}`;
  return { problem: { code: "UMB0101", message, offset } };
}

function limitProblem(what: string, offset: number): ParsedDocument {
  const message = `the rest of the file is ignored: ${what}`;
  return { problem: { code: "UMB0108", message, offset } };
}

/** Tracks the nesting depth: brackets, and several `-`, `?` or `:` on one line. */
function createMeasure(): (lexeme: string) => { readonly depth: number; readonly width: number } {
  let brackets = 0;
  let onLine = 0;
  let isScalar = false;
  return (lexeme) => {
    const isText = isScalar;
    isScalar = !isText && lexeme === scalarMark;
    if (!isText) {
      if (lexeme === "[" || lexeme === "{") brackets++;
      else if ((lexeme === "]" || lexeme === "}") && brackets > 0) brackets--;
      else if (lexeme === "\n" || lexeme === "\r\n") onLine = 0;
      else if (brackets === 0 && (lexeme === "-" || lexeme === "?" || lexeme === ":")) onLine++;
    }
    return {
      depth: brackets + onLine,
      width: isText || !marks.has(lexeme) ? lexeme.length : 0,
    };
  };
}

/** Marker tokens that the lexer inserts. */
const scalarMark = "\x1f";
const marks: ReadonlySet<string> = new Set(["\x02", "\x18", scalarMark]);
