import { canonicalJson, isJsonObject, type Json } from "./canonical-json.ts";
import { parsed } from "./json-answer.ts";
import { checkSchema } from "./schema.ts";
import { createSchemaBudget, type SchemaBudget, type SchemaFault } from "./schema-check.ts";

/** A tool call of an answer. */
export interface ToolCall {
  readonly name: string;
  /** JSON as the model wrote it; empty for none. */
  readonly arguments: string;
}

/** A tool that the request offers. */
export interface OfferedTool {
  readonly name: string;
  /** JSON Schema of the arguments; anything is valid when absent. */
  readonly parameters?: Json;
}

/** How far the calls of two answers agree, from nothing to everything. `none`: neither calls a tool. */
export const toolLevels = ["none", "one_only", "differ", "same_names", "same_args"] as const;

export type ToolLevel = (typeof toolLevels)[number];

/** How far the tool calls of two answers agree; their order does not matter. */
export interface ToolAgreement {
  readonly level: ToolLevel;
  /** 2 x equal calls / calls of both, 0 to 1; 1 if neither calls a tool. */
  readonly f1: number;
}

/**
 * Compares tool calls as multisets: their order does not matter. Arguments are compared as JSON, or as text if they are
 * not JSON or are nested too deep.
 */
export function compareToolCalls(
  first: readonly ToolCall[],
  second: readonly ToolCall[],
): ToolAgreement {
  if (first.length === 0 && second.length === 0) return { level: "none", f1: 1 };
  if (first.length === 0 || second.length === 0) return { level: "one_only", f1: 0 };
  const [ofFirst, ofSecond] = [callsByName(first), callsByName(second)];
  let [equal, sameName] = [0, 0];
  for (const [name, calls] of ofFirst) {
    const others = ofSecond.get(name) ?? new Map<string, number>();
    sameName += Math.min(total(calls), total(others));
    for (const [args, count] of calls) equal += Math.min(count, others.get(args) ?? 0);
  }
  const f1 = (2 * equal) / (first.length + second.length);
  const isAll = (matched: number) => matched === first.length && matched === second.length;
  return { level: isAll(equal) ? "same_args" : isAll(sameName) ? "same_names" : "differ", f1 };
}

/** How often each name is called with the same arguments. */
function callsByName(calls: readonly ToolCall[]): Map<string, Map<string, number>> {
  const byName = new Map<string, Map<string, number>>();
  for (const { name, arguments: text } of calls) {
    const args = comparedArguments(text);
    const counts = byName.get(name) ?? new Map<string, number>();
    byName.set(name, counts.set(args, (counts.get(args) ?? 0) + 1));
  }
  return byName;
}

/** The form in which arguments are compared. Text that is not JSON never equals canonical JSON. */
export function comparedArguments(text: string): string {
  const json = argumentsOf(text);
  return (json === undefined ? undefined : canonicalJson(json)) ?? text;
}

function argumentsOf(text: string): Json {
  return parsed(text === "" ? "{}" : text);
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** Why a call is invalid, or `valid`. */
export type ToolCallState = "valid" | "unknown_tool" | "bad_json" | SchemaFault;

/**
 * Checks a call against the tools that were offered: its tool is one of them, and its arguments are a JSON object that
 * breaks no rule of the tool's schema. Rules that can't be checked count as satisfied.
 *
 * @param budget shared by the checks of one answer
 */
export function checkToolCall(
  call: ToolCall,
  offered: ReadonlyMap<string, OfferedTool>,
  budget: SchemaBudget = createSchemaBudget(),
): ToolCallState {
  const tool = offered.get(call.name);
  if (tool === undefined) return "unknown_tool";
  const json = argumentsOf(call.arguments);
  if (!isJsonObject(json)) return "bad_json";
  if (tool.parameters === undefined) return "valid";
  const checked = checkSchema(json, tool.parameters, budget);
  return checked.state === "broken" ? checked.fault : "valid";
}
