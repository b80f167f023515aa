import { printable } from "../printable.ts";
import { changeWords } from "./change-words.ts";
import type { Segment, SegmentBy } from "./segment.ts";

const maxNameLength = 64;

const units: Readonly<Record<SegmentBy, string>> = {
  model: "model ",
  path: "path ",
  stream: "",
  prompt_tokens: "prompts of ",
  prompt_bytes: "prompts of ",
  shape: "shape ",
  priority: "priority ",
  decode: "",
  script: "script ",
};

/** `prompts of 4k-16k tokens` */
export function segmentName({ by, bucket }: Pick<Segment, "by" | "bucket">): string {
  const name = printable(bucket);
  const short = name.length > maxNameLength ? `${name.slice(0, maxNameLength - 1)}…` : name;
  const unit = by === "prompt_tokens" ? " tokens" : by === "prompt_bytes" ? " bytes" : "";
  if (by === "stream") return short === "whole" ? "whole answers" : "streamed answers";
  if (by === "decode") return `${short} requests`;
  return `${units[by]}${short}${unit}`;
}

/** `shape tools: ttft.typical 3.10x (6.1 % of requests)` */
export function segmentText(segment: Segment): string {
  const { gate, estimate, kind, share } = segment;
  const of = `${(share * 100).toFixed(1)} % of requests`;
  return `${segmentName(segment)}: ${gate} ${changeWords(estimate, kind)} (${of})`;
}
