import { createServer } from "node:net";
import { areaOf, type Finding } from "./finding.ts";

/** A port that Umbra or Envoy needs. */
export interface WantedPort {
  readonly host: string;
  readonly port: number;
  readonly owner: "sidecar" | "envoy" | "listener";
  /** `listener "http"`, `the sidecar's gRPC server`. */
  readonly user: string;
  /** How to choose another port. */
  readonly remedy: string;
  /** Set if Umbra itself is known to listen there. */
  readonly heldBy?: string;
}

/** The result of trying to listen: `free`, or an error code such as `EADDRINUSE`. */
export type PortState = string;

export function tryPort(host: string, port: number): Promise<PortState> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

const { ok, wrong } = areaOf("ports");

/** Pure. `states` has one entry for each port in `wanted`. */
export function judgePorts(
  wanted: readonly WantedPort[],
  states: readonly PortState[],
): readonly Finding[] {
  const takenBy = new Map<number, string>();
  return wanted.map((each, index) => {
    const { port, user, remedy } = each;
    const other = takenBy.get(port);
    takenBy.set(port, other ?? user);
    return other === undefined
      ? judgePort(each, states[index] ?? "free")
      : taken(`port ${port} is used by both ${other} and ${user}`, remedy);
  });
}

function judgePort({ host, port, user, remedy, heldBy }: WantedPort, state: PortState): Finding {
  const where = host === "0.0.0.0" || host === "::" ? `port ${port}` : `${host}:${port}`;
  if (state === "free") return ok(`${where} is free for ${user}`);
  if (heldBy !== undefined) return ok(`${where} is used by ${heldBy}: ${user}`);
  switch (state) {
    case "EADDRINUSE":
      return taken(
        `${where} is in use, but ${user} needs it`,
        `stop the process that listens there, or ${remedy}`,
      );
    case "EACCES":
      return taken(
        `this user may not listen on ${where}, but ${user} needs it`,
        `${remedy}, or give Envoy CAP_NET_BIND_SERVICE`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return taken(
        `${host} is not an address of this machine, but ${user} should listen on it`,
        "use an address of this machine, or 0.0.0.0 for all",
      );
    default:
      return taken(`can't listen on ${where} for ${user}: ${state}`, remedy);
  }
}

function taken(message: string, remedy: string): Finding {
  return wrong("error", "UMB0406", message, remedy);
}
