// What only this repository's tests, benches and simulations import, as `@umbra/shadow/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { gateIds } from "./judge/config.ts";
export type { Part } from "./judge/gates.ts";
export { judgePart } from "./judge/judge.ts";
export { judgeGate as judgeModelGate } from "./judge/judge-gate.ts";
export type { JudgedPair } from "./judge/judged-pairs.ts";
export { requiredOutputGates } from "./judge/output-config.ts";
export { judgeOutputs } from "./judge/output-gate.ts";
export type { OutputPair } from "./judge/output-pairs.ts";
export { winRate } from "./judge/win-rate.ts";
export { readAnswerHere } from "./measure/answer-reading.ts";
export { legClasses } from "./measure/leg.ts";
export { labelsOf } from "./report/labels.ts";
