import { createServer } from "node:net";
import { type Finding, ok, wrong } from "./finding.ts";

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

/** Listens on the port for a moment. */
export function tryPort(host: string, port: number): Promise<PortState> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

const area = "ports";

/** Pure. `states` has a state for each of `wanted`. */
export function judgePorts(
  wanted: readonly WantedPort[],
  states: readonly PortState[],
): readonly Finding[] {
  const takenBy = new Map<number, string>();
  return wanted.map((each, index) => {
    const { port, who } = each;
    const other = takenBy.get(port);
    takenBy.set(port, other ?? who);
    if (other !== undefined) {
      return wrong(
        "error",
        "UMB0406",
        area,
        `port ${port} is wanted by ${other} and by ${who}`,
        each.remedy,
      );
    }
    return judgePort(each, states[index] ?? "free");
  });
}

function judgePort({ host, port, who, remedy, heldBy }: WantedPort, state: PortState): Finding {
  const where = host === "0.0.0.0" || host === "::" ? `port ${port}` : `${host}:${port}`;
  if (state === "free") return ok(area, `${where} is free for ${who}`);
  if (heldBy !== undefined) return ok(area, `${where} is held by ${heldBy}: ${who}`);
  switch (state) {
    case "EADDRINUSE":
      return wrong(
        "error",
        "UMB0406",
        area,
        `${where} is taken, and ${who} needs it`,
        `stop what listens there, or ${remedy}`,
      );
    case "EACCES":
      return wrong(
        "error",
        "UMB0406",
        area,
        `${where} may not be bound by this user, and ${who} needs it`,
        `${remedy}, or give Envoy CAP_NET_BIND_SERVICE`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return wrong(
        "error",
        "UMB0406",
        area,
        `${host} is no address of this machine, and ${who} is to bind it`,
        "name an address of this machine, or 0.0.0.0 for all",
      );
    default:
      return wrong(
        "error",
        "UMB0406",
        area,
        `${where} can't be bound for ${who}: ${state}`,
        remedy,
      );
  }
}
