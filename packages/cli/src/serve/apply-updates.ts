import type { ConfigurationUpdate } from "@umbra/control";
import type { Diagnostic, Topology } from "@umbra/envoy-config";
import type { Sidecar } from "@umbra/sidecar";
import type { Logger } from "pino";

export interface ApplyOptions {
  readonly log: Logger;
  /** Completes a topology with what only this machine knows. May throw. */
  readonly complete: (topology: Topology) => Topology;
}

/** Applies configurations to a running sidecar, and logs what changes. */
export interface ConfigurationApplier {
  /** Applies the configuration that the sidecar was started with, and those that have arrived meanwhile. */
  begin(sidecar: Pick<Sidecar, "apply">, first: ConfigurationUpdate): void;
  take(update: ConfigurationUpdate): void;
}

export function createApplier(options: ApplyOptions): ConfigurationApplier {
  return new Applier(options);
}

/** Most findings of one configuration that are logged. */
const maxLogged = 20;

class Applier implements ConfigurationApplier {
  readonly #options: ApplyOptions;
  #sidecar: Pick<Sidecar, "apply"> | undefined;
  /** The newest that came before there was a sidecar. */
  #waiting: ConfigurationUpdate | undefined;
  #applied: ConfigurationUpdate | undefined;
  #logged: ReadonlySet<string> = new Set();

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  begin(sidecar: Pick<Sidecar, "apply">, first: ConfigurationUpdate): void {
    this.#sidecar = sidecar;
    this.#apply(sidecar, first);
    if (this.#waiting !== undefined) this.#apply(sidecar, this.#waiting);
    this.#waiting = undefined;
  }

  take(update: ConfigurationUpdate): void {
    if (this.#sidecar === undefined) this.#waiting = update;
    else this.#apply(this.#sidecar, update);
  }

  #apply(sidecar: Pick<Sidecar, "apply">, update: ConfigurationUpdate): void {
    const { log, complete } = this.#options;
    const before = this.#applied;
    try {
      sidecar.apply({ ...update, topology: complete(update.topology) });
      this.#applied = update;
    } catch (err) {
      log.error({ err }, "a changed configuration can't be served: keeping the one before");
      return;
    }
    if (before !== undefined && update.generation !== before.generation) {
      const { generation, changes } = update;
      log.info({ generation }, `configuration changed: ${changes.join("; ") || "details only"}`);
    }
    this.#logFindings(update);
  }

  /** Each once, until it is gone. */
  #logFindings({ findings }: ConfigurationUpdate): void {
    const worth = findings.filter(({ severity }) => severity !== "info");
    const keyed = new Map(worth.map((each) => [keyOf(each), each]));
    const isNew = [...keyed].filter(([key]) => !this.#logged.has(key));
    this.#logged = new Set(keyed.keys());
    for (const [, each] of isNew.slice(0, maxLogged)) this.#log(each);
    const others = isNew.length - maxLogged;
    if (others > 0) this.#options.log.warn(`and ${others} more findings: see umbra config`);
  }

  #log({ severity, code, file, path, line, column, message, remedy }: Diagnostic): void {
    const { log } = this.#options;
    const fields = { code, file, ...(path === undefined ? { line, column } : { path }), remedy };
    if (severity === "error") log.error(fields, message);
    else log.warn(fields, message);
  }
}

function keyOf({ code, file, message }: Diagnostic): string {
  return JSON.stringify([code, file, message]);
}
