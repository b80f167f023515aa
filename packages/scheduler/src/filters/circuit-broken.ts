import { defineFilter, type Filter } from "../plugin.ts";

/** Drops endpoints that errors in a row have ejected; where all are, it drops none. */
export const circuitBrokenFilter: Filter = defineFilter({
  name: "circuit-broken",
  keep: (_request, { isEjected }) => !isEjected,
});
