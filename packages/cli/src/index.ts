export type { Io } from "./io.ts";
export { main } from "./main.ts";
export { program } from "./program.ts";
