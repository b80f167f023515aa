import { defined } from "@umbra/shadow/defined";
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import type { DiagnosticCode } from "../codes.ts";
import { nearest } from "../nearest.ts";
import { placeOf, type Source, type Spend } from "./source.ts";

const maxDepth = 100;

/** Maximum fields and items per file, with aliases expanded. */
const maxRead = 10_000_000;

/** Walks a document once, in order. Resolves aliases and reports invalid keys. */
export function inspectDocument(contents: Node, source: Source): void {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let isTooDeep = false;

  const tell = (code: DiagnosticCode, node: Node, message: string, remedy?: string) =>
    source.report("error", code, placeOf(node, source), message, defined({ remedy }));

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
    if (isMap(node)) visitFields(node.items);
    else for (const item of node.items) if (item !== null) visit(item as Node);
    open.delete(node);
  }

  function visitFields(items: readonly { readonly key: unknown; readonly value: unknown }[]): void {
    const seen = new Set<string>();
    for (const { key, value } of items) {
      if (isScalar(key)) {
        const name = String(key.value);
        if (name === "__proto__")
          tell("UMB0110", key, "the key `__proto__` is not allowed", "remove it");
        else if (seen.has(name) && name !== "<<") {
          tell("UMB0111", key, `duplicate key \`${name.slice(0, 64)}\` in this map`);
        }
        seen.add(name);
      }
      if (key !== null) visit(key as Node);
      if (value !== null) visit(value as Node);
    }
  }

  visit(contents);
}

/** The budget of one file. */
export function createBudget(): Spend {
  let left = maxRead;
  return (count, depth, tooMuch) => {
    if (left < 0) return false;
    left = depth > maxDepth ? -1 : left - count;
    if (left >= 0) return true;
    left = -1;
    tooMuch();
    return false;
  };
}
