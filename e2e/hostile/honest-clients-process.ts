// Honest clients of the gateway that the argument names: they send between the messages `start` and `stop`, and what
// they saw is the answer to the latter.
import { type HonestLoad, startHonestLoad } from "./honest-load.ts";

const origin = process.argv[2] ?? "";
let load: HonestLoad | undefined;

process.on("message", async (message: "start" | "stop") => {
  if (message === "start") load = startHonestLoad(origin);
  else process.send?.(await load?.stop());
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
