import { defineFilter, type Filter } from "../plugin.ts";

/** Drops endpoints that are ejected for errors in a row, or avoided for their share of errors; where all are, none. */
export const circuitBrokenFilter: Filter = defineFilter({
  name: "circuit-broken",
  keep: (_request, { isEjected, isAvoided }) => !isEjected && !isAvoided,
});
