import { spawn } from "node:child_process";
import type { RequestOptions } from "node:https";
import { AzureAuth } from "@kubernetes/client-node/dist/azure_auth.js";
import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js";
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js";
import { FileAuth } from "@kubernetes/client-node/dist/file_auth.js";
import { GoogleCloudPlatformAuth } from "@kubernetes/client-node/dist/gcp_auth.js";
import { KubernetesError } from "../api/kubernetes-error.ts";
import { programProblem, startProblem } from "./program-problem.ts";

/** Credentials for one request. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** A client certificate that a program gave, in PEM. */
  readonly cert?: string;
  readonly key?: string;
}

interface Authenticator {
  isAuthProvider(user: User): unknown;
  applyAuthentication(user: User, options: RequestOptions): Promise<void>;
}

/** A program that gives credentials may ask a person or a network; it has no use after this time. */
const maxProgramMs = 60_000;

/**
 * Gives the credentials of a user, each time as they are then: files are read again every minute, programs run again
 * when what they gave expires.
 */
export class UserAuthenticator {
  readonly #user: User;
  #authenticators: readonly Authenticator[];
  #isOidcLoaded = false;
  #oidc: Authenticator | undefined;

  constructor(user: User, cluster: Cluster) {
    this.#user = withClusterInfo(user, cluster);
    this.#authenticators = newAuthenticators();
  }

  /** @throws KubernetesError NO_CREDENTIALS */
  async credentials(): Promise<Credentials> {
    const problem = this.#user.exec ? programProblem(this.#user.exec) : undefined;
    if (problem !== undefined) throw notRun(this.#user, problem);
    const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
    try {
      const authenticator =
        this.#authenticators.find((each) => Boolean(each.isAuthProvider(this.#user))) ??
        (await this.#loadOidc());
      await authenticator?.applyAuthentication(this.#user, options);
    } catch (cause) {
      // They keep what a program wrote, even if it can't be used.
      this.#authenticators = newAuthenticators();
      throw noCredentials(this.#user, cause);
    }
    const { cert, key } = options;
    return {
      headers: headersOf(this.#user, options.headers.Authorization),
      ...(typeof cert === "string" ? { cert } : {}),
      ...(typeof key === "string" ? { key } : {}),
    };
  }

  /** OpenID Connect needs all of client-node: 65 MB that only its users pay. */
  async #loadOidc(): Promise<Authenticator | undefined> {
    if (this.#user.authProvider?.name !== "oidc") return undefined;
    if (!this.#isOidcLoaded) {
      const { OpenIDConnectAuth } = await import("@kubernetes/client-node/dist/oidc_auth.js");
      this.#oidc = new OpenIDConnectAuth() as Authenticator;
      this.#isOidcLoaded = true;
    }
    return this.#oidc;
  }
}

function newAuthenticators(): readonly Authenticator[] {
  const programs = new ExecAuth();
  // Its own spawn has no time limit.
  Object.assign(programs, { execFn: spawnWithin });
  return [new AzureAuth(), new GoogleCloudPlatformAuth(), programs, new FileAuth()];
}

/** Like `spawn` with a `timeout`, whose timer continues for a program that isn't there, and keeps this process. */
function spawnWithin(command: string, args: readonly string[] | undefined, options: object) {
  const child = spawn(command, args ?? [], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const limit = setTimeout(() => child.kill(), maxProgramMs);
  for (const end of ["exit", "error"]) child.once(end, () => clearTimeout(limit));
  return child;
}

/** The error describes what was wrong with a program's output without quoting it: it may be the credentials. */
function noCredentials(user: User, cause: unknown): KubernetesError {
  const { name, exec } = user;
  const of = `credentials of user "${name}"`;
  const problem = exec ? startProblem(cause) : undefined;
  if (problem !== undefined) return notRun(user, problem, cause);
  if (exec && (cause instanceof SyntaxError || cause instanceof TypeError)) {
    const problem = cause instanceof SyntaxError ? "is not valid JSON" : "has no `status`";
    return new KubernetesError("NO_CREDENTIALS", `${of}: its program's output ${problem}`);
  }
  const said = String((cause as Error).message)
    .trim()
    .slice(0, 500);
  const why = said === "" && exec ? "its program failed and wrote no reason" : said;
  return new KubernetesError("NO_CREDENTIALS", `${of}: ${why}`, { cause });
}

function notRun({ name }: User, problem: string, cause?: unknown): KubernetesError {
  const message = `credentials of user "${name}": its program can't be run: ${problem}`;
  return new KubernetesError("NO_CREDENTIALS", message, cause === undefined ? {} : { cause });
}

function headersOf(user: User, authorization: string | undefined): Record<string, string> {
  const basic = user.username
    ? `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`
    : undefined;
  const bearer = user.token ? `Bearer ${user.token.trim()}` : undefined;
  // A token's file ends in a newline, which a header can't have.
  const chosen = bearer ?? authorization?.trim() ?? basic;
  return {
    ...(chosen === undefined ? {} : { authorization: chosen }),
    ...(user.impersonateUser ? { "impersonate-user": user.impersonateUser } : {}),
  };
}

/** Programs for credentials get the cluster as from `kubectl`: some refuse to run otherwise. */
function withClusterInfo(user: User, cluster: Cluster): User {
  if (!user.exec || programProblem(user.exec) !== undefined) return user;
  const exec = user.exec as { apiVersion?: string; env?: { name: string; value: string }[] };
  const info = {
    apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: { interactive: false, cluster: { server: cluster.server } },
  };
  const told = { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) };
  return { ...user, exec: { ...user.exec, env: [...(exec.env ?? []), told] } };
}
