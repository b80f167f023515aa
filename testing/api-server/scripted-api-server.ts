import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type Answer, discover, listAnswer, objectAnswer, refusal } from "./answers.ts";
import { type Target, targetOf, type Verb } from "./request-target.ts";
import { type StoredEvent, type StoredKind, StoredResource } from "./scripted-store.ts";

/** A request that the server got. */
export interface SeenRequest {
  readonly verb: Verb;
  readonly plural: string;
  readonly namespace?: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  readonly atMs: number;
}

/** An answer to give in place of the right one. */
export interface Fault {
  readonly verb: Verb;
  readonly plural?: string;
  /** How often. */
  readonly times: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Break the connection off instead of an answer. */
  readonly isCut?: boolean;
}

export interface ScriptedApiServerOptions {
  readonly tls?: ServerOptions;
  /** Requests with another bearer token get 401. */
  readonly token?: string;
}

/** Every API server has them. */
const leases: StoredKind = {
  ...{ group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" },
  isNamespaced: true,
};

/**
 * A small API server that does what a script says, over real HTTP or TLS on loopback: list in pages, watch with
 * bookmarks, 410, 409, status, leases, and faults of each kind. It is not Kubernetes: it validates nothing, and has no
 * roles, defaults or admission.
 */
export class ScriptedApiServer {
  readonly seen: SeenRequest[] = [];
  token: string | undefined;
  readonly #clock = { revision: 100 };
  readonly #resources = new Map<string, StoredResource>();
  readonly #forbidden = new Set<string>();
  readonly #watches = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  readonly #tls: ServerOptions | undefined;
  #faults: { fault: Fault; left: number }[] = [];
  #server: Server | undefined;
  #port = 0;
  #waiting: (() => void)[] | undefined;

  constructor({ tls, token }: ScriptedApiServerOptions = {}) {
    this.#tls = tls;
    this.token = token;
    this.install(leases);
  }

  get url(): string {
    return `${this.#tls === undefined ? "http" : "https"}://127.0.0.1:${this.#port}`;
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Listens; after `stop`, on the same port. */
  async start(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch((cause: unknown) => response.destroy(cause as Error));
    };
    const server =
      this.#tls === undefined ? createHttpServer(answer) : createHttpsServer(this.#tls, answer);
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
    server.on("tlsClientError", () => undefined);
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Breaks all connections off and refuses new ones. Objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) =>
      server === undefined ? resolve() : server.close(() => resolve()),
    );
  }

  /** Takes requests and answers none, as a stopped process. */
  hang(): void {
    this.#waiting ??= [];
  }

  /** Answers again, first what waited. */
  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const go of waiting) go();
  }

  /** Has a kind from now on; without objects, unless it had it before. */
  install(kind: StoredKind): StoredResource {
    const resource = new StoredResource(kind, this.#clock);
    resource.compact();
    this.#resources.set(pathOf(kind), resource);
    return resource;
  }

  /** Deletes a kind as the API server deletes a CRD: first its objects, then the kind, then its watches end. */
  uninstall(kind: StoredKind): void {
    const resource = this.resource(kind);
    resource.isLeaving = true;
    for (const { metadata } of resource.list(undefined))
      resource.remove(metadata.namespace ?? "", metadata.name);
    this.#resources.delete(pathOf(kind));
    for (const listener of [...resource.listeners]) resource.listeners.delete(listener);
    this.closeWatches();
  }

  resource(kind: StoredKind): StoredResource {
    const resource = this.#resources.get(pathOf(kind));
    if (resource === undefined) throw new Error(`the server has no ${kind.plural}`);
    return resource;
  }

  forbid(verb: Verb, plural: string): void {
    this.#forbidden.add(`${verb} ${plural}`);
  }

  allow(verb: Verb, plural: string): void {
    this.#forbidden.delete(`${verb} ${plural}`);
  }

  fault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times });
  }

  /** Ends all watches as the API server ends them after some minutes. */
  closeWatches(): void {
    for (const response of this.#watches) response.end();
  }

  /** Breaks all watches off. */
  cutWatches(): void {
    for (const response of this.#watches) response.socket?.destroy();
  }

  /** Sends a bookmark, or any text as an event, on all watches. */
  tellWatches(text: string): void {
    for (const response of this.#watches) response.write(text);
  }

  /** Requests of one verb, perhaps for one resource. */
  seenOf(verb: Verb, plural?: string): SeenRequest[] {
    return this.seen.filter(
      (each) => each.verb === verb && (plural === undefined || each.plural === plural),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const waiting = this.#waiting;
    if (waiting !== undefined) await new Promise<void>((resolve) => waiting.push(resolve));
    const target = targetOf(request);
    this.seen.push({
      verb: target.verb,
      plural: target.plural,
      ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      query: target.query,
      headers: request.headers,
      atMs: performance.now(),
    });
    const fault = this.#nextFault(target);
    if (fault?.isCut === true) {
      request.socket.destroy();
    } else if (fault !== undefined) {
      const { body } = refusal(fault.status ?? 500, "scripted");
      response
        .writeHead(fault.status ?? 500, fault.headers)
        .end(fault.body ?? JSON.stringify(body));
    } else if (
      this.token !== undefined &&
      request.headers.authorization !== `Bearer ${this.token}`
    ) {
      send(response, refusal(401, "Unauthorized"));
    } else if (this.#forbidden.has(`${target.verb} ${target.plural}`)) {
      send(
        response,
        refusal(
          403,
          `${target.plural} is forbidden: cannot ${target.verb} resource "${target.plural}"`,
        ),
      );
    } else {
      this.#serve(target, response, await bodyOf(request));
    }
  }

  #nextFault({ verb, plural }: Target): Fault | undefined {
    const found = this.#faults.find(
      ({ fault }) => fault.verb === verb && (fault.plural === undefined || fault.plural === plural),
    );
    if (found === undefined) return undefined;
    found.left--;
    if (found.left <= 0) this.#faults = this.#faults.filter((each) => each !== found);
    return found.fault;
  }

  #serve(target: Target, response: ServerResponse, body: string): void {
    const resource = this.#resources.get(`${target.groupPath}/${target.plural}`);
    if (resource !== undefined && target.verb === "watch") this.#watch(resource, target, response);
    else send(response, this.#answerOf(resource, target, body));
  }

  #answerOf(resource: StoredResource | undefined, target: Target, body: string): Answer {
    if (target.verb === "version") return { status: 200, body: { gitVersion: "v0.0.0-scripted" } };
    if (target.verb === "discovery") return discover(this.#resources, target.groupPath);
    if (resource === undefined) return refusal(404, "the server has no such resource");
    return target.verb === "list"
      ? listAnswer(resource, target)
      : objectAnswer(resource, target, body);
  }

  #watch(resource: StoredResource, { query, namespace }: Target, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const missed = resource.since(Number(query.resourceVersion ?? 0));
    if (missed === undefined) {
      const object = { kind: "Status", code: 410, message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    const tell = (event: StoredEvent): void => {
      if (namespace !== undefined && event.object.metadata.namespace !== namespace) return;
      response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    };
    missed.forEach(tell);
    resource.listeners.add(tell);
    this.#watches.add(response);
    response.on("close", () => {
      resource.listeners.delete(tell);
      this.#watches.delete(response);
    });
  }
}

function pathOf({ group, version, plural }: StoredKind): string {
  return `${group === "" ? `/api/${version}` : `/apis/${group}/${version}`}/${plural}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
