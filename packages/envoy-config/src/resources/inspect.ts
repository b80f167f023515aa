import { defined } from "@umbra/shadow/defined";
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import type { DiagnosticCode } from "../codes.ts";
import { nearest } from "../nearest.ts";
import { placeOf, type Source, type Spend } from "./source.ts";

const maxDepth = 100;

/** Maximum fields and items per file, with aliases expanded. */
export const maxRead = 10_000_000;

/**
 * Walks a document once, in order. Resolves aliases and reports invalid keys. What it reports does not count as the
 * document's error: a map with an invalid key counts when it is read, and so does an alias without a value.
 */
export function inspectDocument(contents: Node, source: Source): void {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let isTooDeep = false;

  const tell = (code: DiagnosticCode, node: Node, message: string, remedy?: string) => {
    source.report("error", code, placeOf(node, source), message, defined({ remedy }));
    source.faults.count--;
  };

  function visit(node: Node): void {
    if (open.size >= maxDepth) {
      if (!isTooDeep) tell("UMB0108", node, `more than ${maxDepth} levels of nesting`);
      isTooDeep = true;
      return;
    }
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) {
        const near = nearest(node.source, [...anchors.keys()].slice(0, 100));
        const remedy = near === undefined ? "write the value itself" : `did you mean \`*${near}\`?`;
        const message = `no anchor \`&${node.source.slice(0, 64)}\` above this alias`;
        tell("UMB0101", node, message, remedy);
      } else if (!open.has(target)) source.aliases.set(node, target);
      else {
        const message = "this alias refers to a value that contains it";
        tell("UMB0108", node, message, "write the value itself");
      }
      return;
    }
    const { anchor } = node as { readonly anchor?: string };
    if (anchor !== undefined) anchors.set(anchor, node);
    if (!isMap(node) && !isSeq(node)) return;
    open.add(node);
    if (isMap(node)) visitFields(node.items, () => source.faults.maps.add(node));
    else for (const item of node.items) if (item !== null) visit(item as Node);
    open.delete(node);
  }

  function visitFields(
    items: readonly { readonly key: unknown; readonly value: unknown }[],
    markMap: () => void,
  ): void {
    const seen = new Set<string>();
    for (const { key, value } of items) {
      if (isScalar(key)) {
        const name = String(key.value);
        const problem = keyProblem(name, seen);
        if (problem !== undefined) markMap();
        if (problem !== undefined) tell(problem.code, key, problem.message, problem.remedy);
        seen.add(name);
      }
      if (key !== null) visit(key as Node);
      if (value !== null) visit(value as Node);
    }
  }

  visit(contents);
}

interface KeyProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly remedy?: string;
}

function keyProblem(name: string, seen: ReadonlySet<string>): KeyProblem | undefined {
  if (name === "__proto__") {
    return { code: "UMB0110", message: "the key `__proto__` is not allowed", remedy: "remove it" };
  }
  if (!seen.has(name) || name === "<<") return undefined;
  return { code: "UMB0111", message: `duplicate key \`${name.slice(0, 64)}\` in this map` };
}

export interface Budget {
  readonly spend: Spend;
  /** Fields and items read. */
  spent(): number;
  isExceeded(): boolean;
}

/** Creates the budget of a file, or of a part of it. */
export function createBudget(): Budget {
  let left = maxRead;
  return {
    spent: () => maxRead - left,
    isExceeded: () => left < 0,
    spend(count, depth, tooMuch) {
      if (left < 0) return false;
      left = depth > maxDepth ? -1 : left - count;
      if (left >= 0) return true;
      left = -1;
      tooMuch();
      return false;
    },
  };
}
