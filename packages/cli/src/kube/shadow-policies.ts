import type { JsonObject, WatchedKind } from "@umbra/kubernetes";
import { defined } from "@umbra/shadow/defined";
import { printable } from "@umbra/shadow/printable";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { KubeChoice } from "../resources/kube-flags.ts";
import { tableText } from "../tables.ts";
import { readKind } from "./read-objects.ts";

const shadowPolicies: Omit<WatchedKind, "namespaces"> = {
  ...{ group: "umbra.dev", version: "v1alpha1" },
  ...{ plural: "shadowpolicies", kind: "ShadowPolicy", isNamespaced: true },
};

/** What a ShadowPolicy of an API server asks for, and what its status says. A key is absent while nothing is known. */
export interface PolicyState {
  readonly namespace: string;
  readonly name: string;
  /** HTTPRoutes that it targets. */
  readonly routes: readonly string[];
  /** Percentage of eligible requests to mirror, if it has a percentage. */
  readonly percent?: number;
  /** `True` or `False` of the condition Accepted, `False` if it is so for one of the routes. */
  readonly accepted?: string;
  readonly verdict?: string;
  /** Shadow to primary, of the gate that decides. */
  readonly ratio?: number;
  /** Compared pairs. */
  readonly pairs?: number;
  /** Time of the report, as RFC 3339. */
  readonly reportedAt?: string;
}

/** The ShadowPolicies of an API server, by name. Throws CommandError when there are none or they can't be read. */
export async function readPolicies(choice: KubeChoice, io: Io): Promise<readonly PolicyState[]> {
  const found = (await readKind(choice, shadowPolicies, io)).map(policyOf);
  if (found.length === 0) {
    throw new CommandError(
      "the API server has no ShadowPolicy in these namespaces: choose others with --namespace or --all-namespaces",
    );
  }
  return found.toSorted((a, b) =>
    a.namespace === b.namespace ? compared(a.name, b.name) : compared(a.namespace, b.namespace),
  );
}

/** One row for each policy. */
export function policiesText(policies: readonly PolicyState[]): string {
  const head = ["policy", "route", "percent", "accepted", "verdict", "ratio", "pairs", "reported"];
  const rows = policies.map(({ namespace, name, routes, ...known }) => {
    const { percent, accepted, verdict, ratio, pairs, reportedAt } = known;
    return [
      `${namespace}/${name}`,
      routes.join("\n"),
      percent === undefined ? "" : `${percent} %`,
      accepted ?? "",
      verdict ?? "",
      ratio === undefined ? "" : ratio.toFixed(3),
      pairs ?? "",
      reportedAt ?? "",
    ].map((cell) => (typeof cell === "string" ? cell.split("\n").map(printable).join("\n") : cell));
  });
  return tableText(head, rows);
}

/** Reads what the API server has checked against the CRD, so what has another form is left out. */
function policyOf({ metadata, spec, status }: JsonObject): PolicyState {
  const evaluation = fieldOf(status, "evaluation");
  const [percent, ratio, pairs] = [
    fieldOf(fieldOf(spec, "sampling"), "percent"),
    fieldOf(evaluation, "ratio"),
    fieldOf(evaluation, "pairs"),
  ].map((value) => (typeof value === "number" ? value : undefined));
  const [verdict, reportedAt] = [
    fieldOf(evaluation, "verdict"),
    fieldOf(evaluation, "reportedAt"),
  ].map((value) => (typeof value === "string" ? value : undefined));
  const accepted = acceptedOf(listOf(status, "ancestors"));
  return {
    namespace: textOf(metadata, "namespace"),
    name: textOf(metadata, "name"),
    routes: listOf(spec, "targetRefs").map((ref) => textOf(ref, "name")),
    ...defined({ percent, accepted, verdict, ratio, pairs, reportedAt }),
  };
}

function acceptedOf(ancestors: readonly unknown[]): string | undefined {
  const states = ancestors
    .flatMap((ancestor) => listOf(ancestor, "conditions"))
    .filter((condition) => textOf(condition, "type") === "Accepted")
    .map((condition) => textOf(condition, "status"));
  return states.find((state) => state !== "True") ?? states[0];
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

function listOf(value: unknown, key: string): readonly unknown[] {
  const field = fieldOf(value, key);
  return Array.isArray(field) ? field : [];
}

function textOf(value: unknown, key: string): string {
  const field = fieldOf(value, key);
  return typeof field === "string" ? field : "";
}

function compared(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
