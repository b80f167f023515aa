import type { Sample, ShadowReport } from "@umbra/shadow";
import type { Check } from "./check.ts";

/** Every pair of good answers was compared. */
export function everyPairIsCompared(samples: readonly Sample[]): Check {
  const reasons = samples.map(({ cmp }) => (cmp === undefined ? "no result" : cmp.why));
  const left = reasons.filter((why) => why !== null);
  return {
    name: "every pair is compared",
    isOk: samples.length > 0 && left.length === 0,
    seen: `${samples.length} pairs, not compared: ${left.length === 0 ? "none" : left.join(", ")}`,
  };
}

/** The same model on another server agrees with the primary as far as a third server does. */
export function agreesAtItsFloor(report: ShadowReport | undefined): Check {
  const all = agreementOf(report);
  const exactFloor = all?.exact_floor ?? Number.NaN;
  const simFloor = all?.sim_floor ?? Number.NaN;
  const failed = failedGates(report);
  const isNear = all !== undefined && Math.abs(all.exact - exactFloor) <= 0.1;
  const isSimilar = all !== undefined && Math.abs(all.sim - simFloor) <= 0.05;
  return {
    name: "the same model agrees with the primary as the primary agrees with itself",
    isOk: isNear && isSimilar && failed.length === 0,
    seen: `${wordsOf(report)}; gates of answers that fail: ${failed.join(", ") || "none"}`,
  };
}

/** Another model is found to differ by its agreement, and by nothing that both have in common. */
export function isFoundDifferent(report: ShadowReport | undefined): Check {
  const all = agreementOf(report);
  const failed = failedGates(report);
  const isOther = all !== undefined && all.exact < 0.1 && all.sim < (all.sim_floor ?? 0) - 0.1;
  const isByAgreement = failed.includes("out.exact") && failed.includes("out.sim");
  const isPromptSame = !failed.includes("out.prompt");
  return {
    name: "another model fails the gates of agreement, and not the one of its chat template",
    isOk: isOther && isByAgreement && isPromptSame && report?.verdict.status === "FAIL",
    seen: `${report?.verdict.status}, ${wordsOf(report)}; gates of answers that fail: ${failed.join(", ") || "none"}`,
  };
}

/** No prompt is in what is stored and reported. */
export function noTextIsKept(written: readonly string[], texts: readonly string[]): Check {
  const found = texts.filter((text) => written.some((each) => each.includes(text)));
  return {
    name: "no text is in samples and reports",
    isOk: found.length === 0,
    seen: `${texts.length} texts looked for, found: ${found.join(", ") || "none"}`,
  };
}

function agreementOf(report: ShadowReport | undefined) {
  return report?.outputs?.agreement.find(({ bucket }) => bucket === "all");
}

function failedGates(report: ShadowReport | undefined): readonly string[] {
  const gates = report?.gates ?? [];
  return gates.flatMap(({ id, status }) =>
    id.startsWith("out.") && status === "FAIL" ? [id] : [],
  );
}

function wordsOf(report: ShadowReport | undefined): string {
  const all = agreementOf(report);
  if (all === undefined) return "nothing was compared";
  const share = (value: number | null) => (value === null ? "unknown" : value.toFixed(3));
  return (
    `${all.n} pairs, the same in ${share(all.exact)} (floor ${share(all.exact_floor)}), ` +
    `similarity ${share(all.sim)} (floor ${share(all.sim_floor)})`
  );
}
