import { defined } from "@umbra/shadow/defined";
import { keyProblem } from "./map-keys.ts";
import { maxDepth, maxRead } from "./reading-budget.ts";
import type { Place } from "./report.ts";
import type { Source } from "./source.ts";
import type { Field, ValueNode } from "./value-node.ts";

/** A JSON object that is read. */
export interface JsonDocument {
  /** What findings have in place of a file. */
  readonly file: string;
  readonly isSecret: boolean;
}

const none: ReadonlyMap<string, Field> = new Map();
const noNames: ReadonlySet<string> = new Set();

/** A value of a JSON object, which must have been inspected. */
export class JsonNode implements ValueNode {
  readonly #json: unknown;
  readonly #path: readonly (string | number)[];
  readonly #document: JsonDocument;

  constructor(json: unknown, document: JsonDocument, path: readonly (string | number)[] = []) {
    this.#json = json;
    this.#document = document;
    this.#path = path;
  }

  get kind(): ValueNode["kind"] {
    const json = this.#json;
    if (Array.isArray(json)) return "list";
    if (typeof json === "object" && json !== null) return "map";
    return json === null || scalarTypes.has(typeof json) ? "scalar" : "unknown";
  }

  get value(): unknown {
    return this.kind === "scalar" ? this.#json : undefined;
  }

  fields(source: Source): ReadonlyMap<string, Field> {
    if (this.kind !== "map") return none;
    const fields = new Map<string, Field>();
    for (const [name, json] of Object.entries(this.#json as object)) {
      // Its error was reported when the object was inspected; it costs the part that has it.
      if (keyProblem(name, noNames) !== undefined) source.faults.count++;
      const node = this.#inner(name, json);
      fields.set(name, { key: node, value: json === undefined ? undefined : node });
    }
    return fields;
  }

  items(): readonly ValueNode[] {
    const json: unknown = this.#json;
    return Array.isArray(json) ? json.map((each, at) => this.#inner(at, each)) : [];
  }

  child(part: string | number): ValueNode | undefined {
    const json = this.#json;
    if (typeof json !== "object" || json === null || !Object.hasOwn(json, part)) return undefined;
    return this.#inner(part, (json as Readonly<Record<string | number, unknown>>)[part]);
  }

  place(): Place {
    const { file, isSecret } = this.#document;
    const path = jsonPath(this.#path);
    return { file, path, line: 1, column: 1, ...(isSecret ? { isSecret } : {}) };
  }

  placeInside(part: Place): Place {
    return { ...part, ...this.place(), line: part.line, column: part.column };
  }

  #inner(part: string | number, json: unknown): JsonNode {
    return new JsonNode(json, this.#document, [...this.#path, part]);
  }
}

const scalarTypes: ReadonlySet<string> = new Set(["string", "number", "boolean"]);

/** Longest name that a path shows. An annotation has at most 253 + 1 + 63. */
const maxName = 317;

/** Writes a path as `kubectl` does: `spec.rules[0].matches`, `metadata.annotations["umbra.dev/endpoints"]`. */
function jsonPath(path: readonly (string | number)[]): string {
  return path
    .map((part, at) => {
      if (typeof part === "number") return `[${part}]`;
      const name = part.length > maxName ? `${part.slice(0, maxName)}…` : part;
      if (!/^[\w-]+$/.test(name)) return `[${JSON.stringify(name)}]`;
      return at === 0 ? name : `.${name}`;
    })
    .join("");
}

/**
 * Walks an object once, and reports names of fields that are not allowed: they count as errors when their map is read.
 * False if the object is too deep or too large to be read, which is reported.
 */
export function inspectJson(json: unknown, document: JsonDocument, source: Source): boolean {
  const ignored = (what: string) =>
    source.report(
      "error",
      "UMB0108",
      new JsonNode(json, document).place(),
      `the object is ignored: ${what}`,
      {
        remedy: "reduce nesting and repetition",
      },
    );

  function visit(value: unknown, path: readonly (string | number)[]): boolean {
    if (typeof value !== "object" || value === null) return true;
    if (path.length >= maxDepth) {
      ignored(`more than ${maxDepth} levels of nesting`);
      return false;
    }
    const fields = Object.entries(value);
    const tooMuch = () => ignored(`more than ${maxRead.toLocaleString("en-US")} fields and items`);
    if (!source.spend(fields.length, 0, tooMuch)) return false;
    return fields.every(([name, each], at) => {
      const inner = [...path, Array.isArray(value) ? at : name];
      const problem = keyProblem(name, noNames);
      if (problem !== undefined) {
        const { code, message, remedy } = problem;
        source.report(
          "error",
          code,
          new JsonNode(each, document, inner).place(),
          message,
          defined({ remedy }),
        );
        source.faults.count--;
      }
      return visit(each, inner);
    });
  }

  return visit(json, []);
}
