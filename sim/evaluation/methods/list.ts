import { groupSequentialBlocks, groupSequentialPairs } from "./group-sequential.ts";
import { mannWhitney } from "./mann-whitney.ts";
import type { Method } from "./method.ts";
import { mixtureSprt } from "./mixture-sprt.ts";
import { pairedT, peekedT } from "./paired-t.ts";

/** The methods beside Umbra's, in the order of the table's columns. */
export const methods: Readonly<Record<string, Method>> = {
  "paired t, fixed n": pairedT,
  "paired t, peeked": peekedT,
  mSPRT: mixtureSprt,
  "group seq., pairs": groupSequentialPairs,
  "group seq., 60 s blocks": groupSequentialBlocks,
  "Mann-Whitney (Kayenta)": mannWhitney,
};
