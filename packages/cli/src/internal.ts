// What only this repository's tests, benches and simulations import, as `@umbra/cli/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { program } from "./program.ts";
