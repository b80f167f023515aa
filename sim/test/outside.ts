import { Worker } from "node:worker_threads";

/**
 * Calls an exported function of a module in a thread of its own. In Jest's sandbox every `Math.log` is fifty times
 * slower than outside of it, and these are called by the million.
 */
export function outside<Args extends readonly unknown[], Result>(
  module: URL,
  { name }: (...args: Args) => Result,
  ...args: Args
): Promise<Result> {
  const thread = new Worker(new URL("./outside-thread.ts", import.meta.url), {
    workerData: { module: module.href, name, args },
    execArgv: ["--conditions=@umbra/source"],
  });
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
}
