import type { AdsServer, Kind } from "@umbra/xds";
import { type Form, type ReadAnswer, ScriptedClient } from "./scripted-client.ts";

/** What a resource's text says: `cluster c1 v3`, `routes r1 v2 to c1,c2`, with `bad` where Envoy refuses it. */
const referencesOf = (text: string): readonly string[] =>
  / to (\S*)/.exec(text)?.[1]?.split(",").filter(Boolean) ?? [];
const nameOf = (text: string): string => text.split(" ")[1] ?? "";
const isBad = (text: string): boolean => text.includes(" bad");

/** Where the state of a client lives on when its stream breaks. */
interface Held {
  readonly texts: Map<string, string>;
  version: string;
  readonly versions: Map<string, string>;
}

const asked: readonly Kind[] = ["cds", "eds", "lds", "rds"];

/**
 * A model of Envoy as an ADS client: what it was seen to do in NACKs, warming and reconnection. Messages of both directions
 * wait until a test delivers them.
 */
export class ModelEnvoy {
  readonly violations: string[] = [];
  readonly #form: Form;
  #held = freshState();
  /** Clusters that have their endpoints: only these serve. */
  #warm = new Set<string>();
  /** Refused, and not serving since. */
  readonly #refusedClusters = new Set<string>();
  #client: ScriptedClient | undefined;
  #requests: (() => void)[] = [];
  #subscribed: Record<"eds" | "rds", readonly string[]> = { eds: [], rds: [] };

  constructor(form: Form) {
    this.#form = form;
  }

  texts(kind: Kind): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#held[kind].texts].toSorted());
  }

  /** Clusters that the routes name of listeners that Envoy has. */
  routedClusters(): ReadonlySet<string> {
    return new Set([...this.#held.rds.texts.values()].flatMap(referencesOf));
  }

  /** Connects, or connects again with all that it has. */
  connect(server: AdsServer): void {
    this.#client?.close();
    const client = new ScriptedClient(server, this.#form);
    this.#client = client;
    this.#requests = [];
    for (const kind of asked) this.#ask(kind, true);
  }

  /** A new process: it has nothing. */
  restart(server: AdsServer): void {
    this.#held = freshState();
    this.#warm = new Set();
    this.#subscribed = { eds: [], rds: [] };
    this.connect(server);
  }

  /** Lets one request arrive at the server. Returns false where there is none. */
  deliverRequest(): boolean {
    const [first] = this.#requests.splice(0, 1);
    first?.();
    return first !== undefined;
  }

  /** Lets one answer arrive here. Returns false where there is none. */
  deliverAnswer(): boolean {
    const [answer] = this.#client?.answers.splice(0, 1) ?? [];
    if (answer !== undefined) this.#take(answer);
    return answer !== undefined;
  }

  #ask(kind: Kind, isFirst: boolean): void {
    const held = this.#held[kind];
    const isNamed = kind === "eds" || kind === "rds";
    const names = isNamed ? this.#subscribed[kind] : [];
    if (isNamed && names.length === 0) return;
    const node = isFirst ? { node: "model" } : {};
    const initial = isFirst ? { initial: Object.fromEntries(held.versions) } : {};
    const version = held.version;
    const client = this.#client;
    this.#requests.push(() => client?.say({ kind, ...node, ...initial, version, names }));
  }

  #take(answer: ReadAnswer): void {
    const { kind, texts, removed, versions } = answer;
    const held = this.#held[kind];
    const bad = texts.filter(isBad);
    const good = texts.filter((text) => !isBad(text));
    const changed = good.filter((text) => held.texts.get(nameOf(text)) !== text);
    // Good clusters and listeners of a refused answer are applied all the same; other kinds are refused as a whole. By delta
    // Envoy applies them without noting their versions: a server that starts again just then cannot know of them. The model
    // leaves that out.
    const isPartial = this.#form === "full" && (kind === "cds" || kind === "lds");
    if (bad.length === 0 || isPartial) this.#apply(kind, good, removed, texts);
    this.#reply(answer, bad);
    if (bad.length === 0) {
      held.version = answer.version;
      for (const [name, version] of Object.entries(versions)) held.versions.set(name, version);
      for (const name of removed) held.versions.delete(name);
    }
    const applied = bad.length === 0 || isPartial ? changed : [];
    if (kind === "cds") this.#clustersChanged(applied.map(nameOf), bad.map(nameOf));
    if (kind === "lds") this.#subscribe("rds", this.#routesOfListeners(), []);
    if (kind === "eds") {
      for (const text of good) this.#warm.add(nameOf(text));
      for (const name of this.#warm) this.#refusedClusters.delete(name);
    }
    if (kind === "rds" || kind === "cds") this.#checkRoutes(kind);
  }

  #apply(
    kind: Kind,
    good: readonly string[],
    removed: readonly string[],
    all: readonly string[],
  ): void {
    const { texts } = this.#held[kind];
    for (const text of good) texts.set(nameOf(text), text);
    const names = new Set(all.map(nameOf));
    const isWhole = this.#form === "full" && (kind === "cds" || kind === "lds");
    const gone = isWhole ? [...texts.keys()].filter((name) => !names.has(name)) : removed;
    for (const name of gone) {
      texts.delete(name);
      if (kind === "cds") this.#warm.delete(name);
    }
  }

  #reply(answer: ReadAnswer, bad: readonly string[]): void {
    const { kind } = answer;
    const names = kind === "eds" || kind === "rds" ? this.#subscribed[kind] : [];
    const client = this.#client;
    const isNamed = kind === "cds" || kind === "lds";
    const list = bad.map((text) => `${nameOf(text)}: bad`).join(kind === "cds" ? ", " : "\n");
    const noun = kind === "cds" ? "cluster" : "listener";
    const error = isNamed ? `Error adding/updating ${noun}(s) ${list}` : "bad";
    this.#requests.push(() =>
      bad.length === 0 ? client?.ack(answer, names) : client?.nack(answer, error, names),
    );
  }

  #clustersChanged(changed: readonly string[], bad: readonly string[]): void {
    for (const name of bad) this.#refusedClusters.add(name);
    for (const name of this.#held.eds.texts.keys()) {
      if (!this.#held.cds.texts.has(name)) this.#held.eds.texts.delete(name);
    }
    this.#subscribe("eds", [...this.#held.cds.texts.keys()], changed);
  }

  #routesOfListeners(): readonly string[] {
    return [...this.#held.lds.texts.values()].flatMap(referencesOf);
  }

  /** Asks for the names, and again for those that have to come once more. */
  #subscribe(kind: "eds" | "rds", names: readonly string[], again: readonly string[]): void {
    const before = this.#subscribed[kind];
    const added = names.filter((name) => !before.includes(name));
    const gone = before.filter((name) => !names.includes(name));
    this.#subscribed[kind] = names;
    for (const name of gone) {
      this.#held[kind].texts.delete(name);
      this.#held[kind].versions.delete(name);
    }
    if (added.length === 0 && gone.length === 0 && again.length === 0) return;
    const client = this.#client;
    const wanted = [...new Set([...added, ...again])];
    this.#requests.push(() =>
      client?.say(
        this.#form === "full"
          ? { kind, names, nonce: "none of this stream" }
          : { kind, names: wanted, unsubscribe: gone },
      ),
    );
  }

  /** No route may name a cluster that does not serve, but for one that was refused. */
  #checkRoutes(kind: Kind): void {
    for (const text of this.#held.rds.texts.values()) {
      for (const name of referencesOf(text)) {
        if (this.#warm.has(name) || this.#refusedClusters.has(name)) continue;
        this.violations.push(`after ${kind}: "${text}" names ${name}`);
      }
    }
  }
}

function freshState(): Record<Kind, Held> {
  const held = (): Held => ({ texts: new Map(), version: "", versions: new Map() });
  return { cds: held(), eds: held(), sds: held(), ecds: held(), lds: held(), rds: held() };
}
