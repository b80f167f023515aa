import type { IncomingMessage } from "node:http";

/** As roles name them, and two that need no role. */
export type Verb =
  | "list"
  | "watch"
  | "get"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "discovery"
  | "version";

/** What a request's method and path ask for. */
export interface Target {
  readonly verb: Verb;
  /** `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly groupPath: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly isStatus: boolean;
  readonly query: Readonly<Record<string, string>>;
}

export function targetOf(request: IncomingMessage): Target {
  const url = new URL(request.url ?? "/", "http://scripted");
  const query = Object.fromEntries(url.searchParams);
  const parts = url.pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  const groupParts = parts[0] === "api" ? 2 : 3;
  const groupPath = `/${parts.slice(0, groupParts).join("/")}`;
  const rest = parts.slice(groupParts);
  const isNamespaced = rest[0] === "namespaces" && rest.length > 2;
  const [plural = "", name, part] = isNamespaced ? rest.slice(2) : rest;
  return {
    verb: verbOf(request.method ?? "GET", {
      plural,
      name,
      isVersion: url.pathname === "/version",
      isWatch: query.watch === "1",
    }),
    groupPath,
    plural,
    ...(isNamespaced ? { namespace: rest[1] ?? "" } : {}),
    ...(name === undefined ? {} : { name }),
    isStatus: part === "status",
    query,
  };
}

interface Read {
  readonly plural: string;
  readonly name: string | undefined;
  readonly isVersion: boolean;
  readonly isWatch: boolean;
}

function verbOf(method: string, { plural, name, isVersion, isWatch }: Read): Verb {
  if (isVersion) return "version";
  if (plural === "") return "discovery";
  switch (method) {
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return "delete";
    default:
      if (name !== undefined) return "get";
      return isWatch ? "watch" : "list";
  }
}
