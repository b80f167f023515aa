import type { ReportIdentity, ShadowReport } from "../../../report/shadow-report.ts";
import { clock, count, nextStep, utcTime, verdictSigns } from "../../format.ts";
import { text } from "../escape.ts";

const mostReasons = 12;

/** What was found, why, what to do next, and of what it was found. */
export function verdictSection(report: ShadowReport): string {
  const { status, reasons, next } = report.verdict;
  const isOpen = !report.evaluation.is_final && status === "INCONCLUSIVE";
  const shown = reasons.slice(0, mostReasons).map((reason) => `<li>${text(reason.text)}</li>`);
  const more = reasons.length - mostReasons;
  const rest = more > 0 ? `<li>and ${more} more</li>` : "";
  return `<section class="card verdict ${status}" aria-labelledby="verdict">
<div class="said"><h2 id="verdict" class="word"><span class="sign" aria-hidden="true">${verdictSigns[status]}</span>${status}${isOpen ? '<span class="far"> so far</span>' : ""}</h2>
<ul class="reasons">${shown.join("")}${rest}</ul>
<p class="next"><span class="label">Next</span>${text(nextStep(next))}</p></div>
<div class="lanes">${lanes(report)}</div>
<dl class="facts">${facts(report)}</dl>
</section>`;
}

function lanes({ baseline, candidate, control }: ShadowReport): string {
  return [
    lane("baseline", "primary", baseline, "primary"),
    ...(control === null ? [] : [lane("control lane", "control", control, "control")]),
    lane("candidate", "shadow", candidate, "shadow"),
  ].join('<span class="arrow" aria-hidden="true">→</span>');
}

function lane(role: string, kind: string, identity: ReportIdentity, otherwise: string): string {
  const { pool, models, engine, replicas } = identity;
  const more = [
    models.join(", "),
    engine ?? "",
    replicas === null ? "" : `${count(replicas)} ${replicas === 1 ? "replica" : "replicas"}`,
  ].filter((part) => part !== "");
  return `<div class="lane ${kind}"><span class="label">${role}</span><strong>${text(pool === "" ? otherwise : pool)}</strong><span class="soft">${text(more.join(" · "))}</span></div>`;
}

function facts({ evaluation, funnel }: ShadowReport): string {
  const { sampling } = evaluation;
  const all: readonly (readonly [string, string])[] = [
    ["from (UTC)", utcTime(evaluation.started_at)],
    ["to (UTC)", utcTime(evaluation.ended_at)],
    ["run of plan", `${clock(evaluation.elapsed_s)} of ${clock(evaluation.horizon_s)}`],
    ["pairs used", `${count(funnel.used)} of ${count(funnel.dispatched)} mirrored`],
    [
      "mirrored",
      sampling === null
        ? "not known"
        : `${Number(sampling.percent.toFixed(3))} % by ${sampling.by}`,
    ],
    ["seed", String(evaluation.seed)],
    ["configuration", evaluation.config_sha256.slice(0, 16)],
  ];
  return all.map(([name, value]) => `<div><dt>${name}</dt><dd>${text(value)}</dd></div>`).join("");
}
