import { createAdmission } from "../admission/admission.ts";
import type { PrefixOptions } from "./prefix-view.ts";
import type { PoolSettings } from "./types.ts";

/** Fills in the defaults. */
export function settingsOf(settings: PoolSettings): Required<PoolSettings> {
  const { profiles = [], admission = createAdmission(), prefix = {}, maxFallbacks = 2 } = settings;
  return { profiles, admission, prefix, maxFallbacks };
}

/** True if blocks of one index mean the same in the other, and the limits are equal. */
export function isSamePrefix(a: PrefixOptions, b: PrefixOptions): boolean {
  return (
    a.blockTokens === b.blockTokens &&
    a.maxPromptTokens === b.maxPromptTokens &&
    a.blocksPerEndpoint === b.blocksPerEndpoint &&
    a.maxBlocks === b.maxBlocks
  );
}
