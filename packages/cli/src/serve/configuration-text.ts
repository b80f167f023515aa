import { resourceName } from "@umbra/envoy-config";
import { printableLines } from "@umbra/shadow/printable";
import type { ConfigAnswer } from "@umbra/sidecar";
import { tableText } from "../tables.ts";

/** What a sidecar serves, and what differs from the files. */
export function configurationText(answer: ConfigAnswer, nowMs: number): string {
  const parts = [
    headOf(answer, nowMs),
    ...answer.changes.map((each) => `  ${each}`),
    ...findingLines(answer),
    ...section("stale files", answer.staleFiles, ({ file, problem }) => `${file}: ${problem}`),
    ...attachmentLines(answer),
    envoysText(answer),
  ];
  return printableLines(`${parts.join("\n").trimEnd()}\n`);
}

/** What is not good, in a few words; undefined if everything is served as the files say. */
export function configurationProblem(answer: ConfigAnswer): string | undefined {
  const { findings, staleFiles, envoys } = answer;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const refused = envoys.reduce((sum, each) => sum + each.refused.length, 0);
  const words = [
    ...counted(errors, "error"),
    ...counted(staleFiles.length, "file that is stale"),
    ...counted(refused, "resource that Envoy refuses"),
  ];
  return words.length === 0 ? undefined : words.join(", ");
}

function counted(count: number, what: string): readonly string[] {
  if (count === 0) return [];
  return [count === 1 ? `1 ${what}` : `${count} ${what.replace(/^\S+/, "$&s")}`];
}

function headOf({ generation, objects, appliedAtMs }: ConfigAnswer, nowMs: number): string {
  const since =
    appliedAtMs === undefined ? "" : `, applied ${Math.round((nowMs - appliedAtMs) / 1_000)} s ago`;
  return `configuration ${generation}${since}, ${objects} resources`;
}

function findingLines({ findings }: ConfigAnswer): readonly string[] {
  return section(
    "findings",
    findings.filter(({ severity }) => severity !== "info"),
    ({ severity, code, file, line, column, message }) =>
      `${severity} ${code} ${file}:${line}:${column}: ${message}`,
  );
}

function attachmentLines({ attachments }: ConfigAnswer): readonly string[] {
  return section(
    "routes that are not attached",
    attachments.filter(({ isAccepted }) => !isAccepted),
    ({ route, parent, reason, message }) =>
      `${resourceName(route)} to ${resourceName(parent.gateway)}: ${reason}${message === "" ? "" : `, ${message}`}`,
  );
}

function section<T>(
  title: string,
  items: readonly T[],
  textOf: (item: T) => string,
): readonly string[] {
  return items.length === 0 ? [] : [`${title}:`, ...items.map((item) => `  ${textOf(item)}`)];
}

function envoysText({ envoys }: ConfigAnswer): string {
  if (envoys.length === 0) return "no Envoy gets its configuration from this sidecar";
  const rows = envoys.map(({ nodeId, isUpToDate, refused }) => [
    nodeId,
    isUpToDate ? "up to date" : "behind",
    refused.map(({ type, name, message }) => `${type} ${name}: ${message}`).join("\n"),
  ]);
  return tableText(["Envoy", "state", "refuses"], rows);
}
