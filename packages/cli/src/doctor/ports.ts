import { createServer } from "node:net";
import { areaOf, type Finding } from "./finding.ts";

/** A port that Umbra or Envoy is to listen on. */
export interface WantedPort {
  readonly host: string;
  readonly port: number;
  readonly owner: "sidecar" | "envoy" | "listener";
  /** `listener "http"`, `the sidecar's gRPC server`. */
  readonly who: string;
  /** How to take another one. */
  readonly remedy: string;
  /** Set where it is known that Umbra itself listens there already. */
  readonly heldBy?: string;
}

/** What came of trying to listen: `free`, or the error's code such as `EADDRINUSE`. */
export type PortState = string;

export function tryPort(host: string, port: number): Promise<PortState> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

const { ok, wrong } = areaOf("ports");

/** Pure. `states` has a state for each of `wanted`. */
export function judgePorts(
  wanted: readonly WantedPort[],
  states: readonly PortState[],
): readonly Finding[] {
  const takenBy = new Map<number, string>();
  return wanted.map((each, index) => {
    const { port, who, remedy } = each;
    const other = takenBy.get(port);
    takenBy.set(port, other ?? who);
    return other === undefined
      ? judgePort(each, states[index] ?? "free")
      : taken(`port ${port} is wanted by ${other} and by ${who}`, remedy);
  });
}

function judgePort({ host, port, who, remedy, heldBy }: WantedPort, state: PortState): Finding {
  const where = host === "0.0.0.0" || host === "::" ? `port ${port}` : `${host}:${port}`;
  if (state === "free") return ok(`${where} is free for ${who}`);
  if (heldBy !== undefined) return ok(`${where} is held by ${heldBy}: ${who}`);
  switch (state) {
    case "EADDRINUSE":
      return taken(
        `${where} is taken, and ${who} needs it`,
        `stop what listens there, or ${remedy}`,
      );
    case "EACCES":
      return taken(
        `${where} may not be bound by this user, and ${who} needs it`,
        `${remedy}, or give Envoy CAP_NET_BIND_SERVICE`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return taken(
        `${host} is no address of this machine, and ${who} is to bind it`,
        "name an address of this machine, or 0.0.0.0 for all",
      );
    default:
      return taken(`${where} can't be bound for ${who}: ${state}`, remedy);
  }
}

function taken(message: string, remedy: string): Finding {
  return wrong("error", "UMB0406", message, remedy);
}
