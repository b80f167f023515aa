/** The statistics on their own: `@umbra/shadow/statistics`. Pure functions, no I/O. */

export { clopperPearson } from "./statistics/binomial.ts";
export {
  type BlockChoice,
  type Blocks,
  type ChosenBlocks,
  chooseBlocks,
  cutBlocks,
} from "./statistics/blocks.ts";
export {
  type BlockedPairs,
  type BootstrapInterval,
  type BootstrapOptions,
  type BootstrapResult,
  quantileRatios,
} from "./statistics/bootstrap.ts";
export {
  type Bounds,
  meanBounds,
  mixtureVariance,
  unitHalfWidth,
} from "./statistics/confidence-sequence.ts";
export { eBenjaminiHochberg, upperEValue } from "./statistics/e-bh.ts";
export { createEProcess, type EProcess } from "./statistics/e-process.ts";
export { erlangLoss, placesFor } from "./statistics/erlang.ts";
export {
  hodgesLehmann,
  meanInterval,
  type SignedRank,
  signedRank,
} from "./statistics/fixed-look.ts";
export { normalQuantile } from "./statistics/normal.ts";
export { quantile, sorted } from "./statistics/quantile.ts";
export { createRandom, type Random } from "./statistics/random.ts";
export { smallSampleFactor, studentQuantile } from "./statistics/student-t.ts";
export { type Discordance, mcnemarExact, tangoInterval } from "./statistics/tango.ts";
