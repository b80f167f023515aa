import { type Cell, count, left, number, table, text, wrapped } from "@umbra/shadow/html";
import type { MirrorState } from "../mirror/mirror-gate.ts";

/** Renders the mirrors: their counts, and why requests were not mirrored. */
export function mirrorsSection(mirrors: readonly MirrorState[]): string {
  const heading = '<section aria-labelledby="mirrors"><h2 id="mirrors">Mirrors</h2>';
  if (mirrors.length === 0) {
    return `${heading}<p class="card soft">Nothing is mirrored.</p></section>`;
  }
  const counts = ["share", "in flight", "mirrored"];
  const columns = [
    "candidate",
    left("state"),
    ...counts,
    ...["dropped", "role", "route"].map(left),
  ];
  const caption =
    "Mirrored requests by shadow pool, and the reasons for requests that were not mirrored.";
  return `${heading}
${table({ caption, columns, rows: mirrors.map(row) })}</section>`;
}

function row(mirror: MirrorState): readonly Cell[] {
  const dropped = Object.entries(mirror.dropped).map(([reason, n]) => `${reason} ${count(n)}`);
  const [tone, state] = stateOf(mirror);
  return [
    text(mirror.candidate),
    left(`<span class="${tone}">${text(state)}</span>`),
    text(`${number(mirror.percent)} % by ${mirror.by}`),
    count(mirror.inFlight),
    count(mirror.mirrored),
    wrapped(text(dropped.join(", ") || "none")),
    left(text(mirror.role)),
    wrapped(text(mirror.route)),
  ];
}

function stateOf(mirror: MirrorState): readonly [tone: string, words: string] {
  const { paused, pausedBy, breaker, percent } = mirror;
  if (pausedBy === "stopped") return ["NOT_JUDGED", "■ stopped"];
  if (paused) return ["INCONCLUSIVE", `! paused${pausedBy === null ? "" : ` (${pausedBy})`}`];
  if (breaker !== "closed") return ["FAIL", `! breaker ${breaker}`];
  return percent === 0 ? ["NOT_JUDGED", "○ share is 0"] : ["PASS", "✓ mirroring"];
}
