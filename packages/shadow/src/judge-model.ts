/** Asks a model which of two answers is better: `@umbra/shadow/judge-model`. Pure functions; sending the request is up to you. */

export {
  createJudgeBudget,
  type JudgeBudget,
  type JudgeLimits,
} from "./judge-model/judge-budget.ts";
export {
  type JudgeQuestion,
  type JudgeRequest,
  type JudgeRequestOptions,
  judgeRequest,
} from "./judge-model/judge-request.ts";
export {
  combineVerdicts,
  isConsistent,
  type JudgeVerdict,
  parseVerdict,
} from "./judge-model/judge-verdict.ts";
export { answerInWords, conversationInWords } from "./judge-model/judged-texts.ts";
export {
  canBeDrawn,
  drawForJudge,
  type JudgeDraw,
  type JudgedShares,
  type JudgeStratum,
  judgeStratum,
} from "./judge-model/pair-draw.ts";
