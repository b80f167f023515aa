import { defined } from "@umbra/shadow/defined";
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import type { DiagnosticCode } from "../codes.ts";
import { nearest } from "../nearest.ts";
import { keyProblem } from "./map-keys.ts";
import { maxDepth } from "./reading-budget.ts";
import type { Source } from "./source.ts";
import { placeOf, type YamlDocument } from "./yaml-node.ts";

/**
 * Walks a document once, in order. Resolves aliases and reports invalid keys. What it reports does not count as the
 * document's error: a map with an invalid key counts when it is read, and so does an alias without a value.
 */
export function inspectYaml(contents: Node, document: YamlDocument, source: Source): void {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let isTooDeep = false;

  const tell = (code: DiagnosticCode, node: Node, message: string, remedy?: string) => {
    source.report("error", code, placeOf(node, document), message, defined({ remedy }));
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
      } else if (!open.has(target)) document.aliases.set(node, target);
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
    if (isMap(node)) visitFields(node.items, () => document.invalidMaps.add(node));
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
