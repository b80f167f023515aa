import { CommandError } from "../errors.ts";
import { type Child, startChild } from "../process/child.ts";
import { ownCommand } from "../process/own-command.ts";

export interface LaneServers {
  readonly child: Child;
  readonly endpoints: readonly string[];
  /** Request lines from the servers' logs, newest last. */
  readonly requestLines: () => readonly string[];
}

/** How a lane's servers differ from those of the scenario. */
export interface LaneBehaviour {
  /** Factor for all times; 1 when absent. */
  readonly timeScale?: number;
  /** Share of tool calls with invalid arguments, 0 to 1; none when absent. */
  readonly brokenToolCalls?: number;
}

const keptLines = 1_000;

/** Starts a Deployment's simulated servers and waits for their addresses. */
export async function startLaneServers(
  files: string,
  deployment: string,
  { timeScale = 1, brokenToolCalls = 0 }: LaneBehaviour = {},
): Promise<LaneServers> {
  const requestLines: string[] = [];
  let found: (endpoints: readonly string[]) => void = () => {};
  const listening = new Promise<readonly string[]>((resolve) => {
    found = resolve;
  });
  const child = startChild({
    ...ownCommand([
      ...["simulate", "-f", files, "--deployment", deployment],
      ...["--port", "0", "-o", "json", "--time-scale", String(timeScale)],
      ...["--broken-tool-calls", String(brokenToolCalls)],
    ]),
    onLine: (line, from) => {
      if (from === "stdout") {
        found((JSON.parse(line) as { readonly endpoints: readonly string[] }).endpoints);
      } else if (line.includes(' HTTP/1.1"')) {
        requestLines.push(line);
        if (requestLines.length > keptLines) requestLines.shift();
      }
    },
  });
  const endpoints = await Promise.race([listening, child.ended]);
  if (!("length" in endpoints)) {
    throw new CommandError(
      `the simulated servers of ${deployment} ended (${endpoints.words}):\n  ${child.lastLines().join("\n  ")}`,
    );
  }
  return { child, endpoints, requestLines: () => requestLines };
}
