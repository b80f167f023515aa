import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import {
  type Cluster,
  type Context,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from "@kubernetes/client-node/dist/config_types.js";
import { LineCounter, parseDocument } from "yaml";
import { KubernetesError } from "../api/kubernetes-error.ts";
import { isJsonObject, textOf } from "../objects/json.ts";
import type { ClusterConfig } from "./cluster-config.ts";

/** Where the files of a kubeconfig are, and which of its contexts counts. */
export interface KubeconfigOptions {
  /** One file. Default: those of `KUBECONFIG`, else `~/.kube/config`. */
  readonly file?: string;
  /** Default: the file's `current-context`. */
  readonly context?: string;
}

/** The files that make up the kubeconfig of this environment, whether they exist or not. */
export function kubeconfigFiles(
  { file }: KubeconfigOptions,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (file !== undefined) return [file];
  const named = (environment.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  return named.length > 0 ? named : [join(environment.HOME ?? homedir(), ".kube", "config")];
}

/**
 * Reads a kubeconfig. As `kubectl` does, of several files the first that says something counts, and those of a list
 * that are absent are left out.
 *
 * @throws KubernetesError INVALID_CONFIG
 */
export function readKubeconfig(files: readonly string[], context?: string): ClusterConfig {
  const present = files.length > 1 ? files.filter((file) => existsSync(file)) : files;
  const parts = present.map(readPart);
  const from = files.join(", ");
  const wanted = context ?? parts.find((part) => part.currentContext !== "")?.currentContext ?? "";
  if (wanted === "") {
    throw invalid(
      from,
      "it has no current-context; name a context, or run `kubectl config use-context NAME`",
    );
  }
  const chosen = named(
    parts.flatMap(({ contexts }) => contexts),
    wanted,
  );
  if (chosen === undefined) throw invalid(from, `it has no context "${wanted}"`);
  const cluster = named(
    parts.flatMap(({ clusters }) => clusters),
    chosen.cluster,
  );
  if (cluster === undefined)
    throw invalid(from, `it has no cluster "${chosen.cluster}" (context "${wanted}")`);
  // A context may have no user at all.
  const userName = (chosen.user as string | undefined) ?? "";
  const user = named(
    parts.flatMap(({ users }) => users),
    userName,
  );
  if (user === undefined && userName !== "") {
    throw invalid(from, `it has no user "${userName}" (context "${wanted}")`);
  }
  return {
    cluster,
    ...(user === undefined ? {} : { user }),
    ...(chosen.namespace ? { namespace: chosen.namespace } : {}),
  };
}

interface Part {
  readonly clusters: readonly Cluster[];
  readonly contexts: readonly Context[];
  readonly users: readonly User[];
  readonly currentContext: string;
}

function readPart(file: string): Part {
  const json = parsed(file);
  if (!isJsonObject(json)) throw invalid(file, "it is not a kubeconfig (a YAML mapping)");
  const users = inFolder(json.users, "user", file, [
    "client-certificate",
    "client-key",
    "tokenFile",
    "token-file",
  ]);
  try {
    return {
      clusters: newClusters(inFolder(json.clusters, "cluster", file, ["certificate-authority"])),
      contexts: newContexts(json.contexts),
      users: newUsers(users).map((user, index) => withTokenFile(user, users[index])),
      currentContext: textOf(json, "current-context"),
    };
  } catch (cause) {
    throw invalid(file, (cause as Error).message, cause);
  }
}

/** The parser's own words quote the file, which has secrets. */
function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw invalid(file, (cause as Error).message, cause);
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw invalid(file, `it is not valid YAML (line ${line}, column ${col})`);
  }
  try {
    return document.toJS();
  } catch {
    throw invalid(
      file,
      "it is not valid YAML: an alias in it has no anchor, or expands to too much",
    );
  }
}

/** The entries of a list, with paths made relative to the kubeconfig's own folder, as `kubectl` takes them. */
function inFolder(
  list: unknown,
  key: string,
  file: string,
  paths: readonly string[],
): Record<string, unknown>[] {
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).map((entry) => {
    const inner = entry[key];
    if (!isJsonObject(inner)) return { ...entry };
    const made = paths.flatMap((name) => {
      const path = textOf(inner, name);
      return path === "" || isAbsolute(path) ? [] : [[name, join(dirname(file), path)] as const];
    });
    return { ...entry, [key]: { ...inner, ...Object.fromEntries(made) } };
  });
}

/** client-node reads `token-file` once. `kubectl` writes `tokenFile`, whose content changes: it is read repeatedly. */
function withTokenFile(user: User, entry: Record<string, unknown> | undefined): User {
  const inner = entry?.user;
  const tokenFile = isJsonObject(inner) ? textOf(inner, "tokenFile") : "";
  // As in client-go, the file wins over a token in the same entry.
  if (tokenFile === "") return user;
  const { token: _, ...rest } = user;
  return { ...rest, authProvider: { name: "tokenFile", config: { tokenFile } } };
}

function named<T extends { readonly name: string }>(
  list: readonly T[],
  name: string,
): T | undefined {
  return list.find((each) => each.name === name);
}

function invalid(file: string, problem: string, cause?: unknown): KubernetesError {
  return new KubernetesError("INVALID_CONFIG", `kubeconfig ${file}: ${problem}`, { cause });
}
