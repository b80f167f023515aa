import { describe, expect, test } from "@jest/globals";
import type { ObjectChange } from "@umbra/kubernetes";
import { defaultPace, Following } from "@umbra/kubernetes/internal";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { routes } from "./fixtures.ts";
import { ModelApiServer } from "./model-api-server.ts";

/** One thing that happens. */
type Step =
  | { readonly kind: "put" | "remove"; readonly name: string }
  | { readonly kind: "compact" | "deliver" | "bookmark" | "closed" | "silent" | "unreachable" }
  | { readonly kind: "reachable" | "refuse" | "settle" | "absent" }
  | { readonly kind: "wait"; readonly ms: number };

const names = fc.constantFrom("a", "b", "c");
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("put" as const), name: names }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), name: names }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          "compact" as const,
          "deliver" as const,
          "bookmark" as const,
          "closed" as const,
          "silent" as const,
          "unreachable" as const,
          "reachable" as const,
          "refuse" as const,
          "settle" as const,
          "absent" as const,
        ),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(40_000) }) },
  ),
  { maxLength: 60 },
);

/** Follows the model as the follower does, and keeps what a receiver of changes would hold. */
class Run {
  readonly server = new ModelApiServer();
  readonly following = new Following(routes, defaultPace, { nowMs: 0, random: 0.5 });
  readonly held = new Map<string, string>();
  readonly lists: number[] = [];
  readonly faults: string[] = [];
  #nowMs = 0;
  #isWatching = false;

  take(step: Step): void {
    switch (step.kind) {
      case "put":
      case "remove":
        this.server[step.kind](step.name);
        break;
      case "compact":
        this.server.compact();
        break;
      case "wait":
        this.#nowMs += step.ms;
        this.#receive(this.following.dropParted(this.#moment()));
        break;
      case "deliver":
        this.deliver();
        break;
      case "bookmark":
        this.#bookmark();
        break;
      case "settle":
        this.settle();
        break;
      case "refuse":
        this.#end({ kind: "failed", isRefused: true });
        break;
      case "closed":
      case "silent":
        if (this.#isWatching) this.#end({ kind: step.kind });
        break;
      case "unreachable":
      case "reachable":
      case "absent":
        this.#end({ kind: step.kind });
    }
  }

  /** Sends the request that is due, or takes the next event; true when there was something. */
  deliver(): boolean {
    const { next, earliestMs, resourceVersion } = this.following.state;
    if (!this.#isWatching) {
      this.#nowMs = Math.max(this.#nowMs, earliestMs);
      if (next === "list") this.#list();
      else this.following.take({ kind: "watchOpened" }, this.#moment());
      this.#isWatching = this.following.state.next === "watch";
      return true;
    }
    const event = this.server.next(resourceVersion);
    if (event === undefined) return false;
    this.#receive(this.following.takeEvent(event, this.#moment()));
    this.#isWatching = event.type !== "error";
    return true;
  }

  settle(): void {
    const deletions = this.following.takeDeletions();
    this.#receive(
      this.following.settleDeletions(deletions, { isKindLeaving: false }, this.#moment()),
    );
  }

  /** Lets all that is under way end. */
  finish(): void {
    for (let left = 1_000; this.deliver() && left > 0; left--) this.settle();
    this.settle();
    this.#nowMs += defaultPace.partingMs;
    this.#receive(this.following.dropParted(this.#moment()));
  }

  #list(): void {
    this.lists.push(this.#nowMs);
    this.#receive(this.following.takeList(this.server.list(), this.#moment()));
  }

  /** A bookmark comes only after all events before it. */
  #bookmark(): void {
    if (!this.#isWatching || this.server.next(this.following.state.resourceVersion)) return;
    this.following.takeEvent(this.server.bookmark(), this.#moment());
  }

  #end(outcome: Parameters<Following["take"]>[0]): void {
    this.following.take(outcome, this.#moment());
    if (outcome.kind !== "reachable") this.#isWatching = false;
  }

  #receive(changes: readonly ObjectChange[]): void {
    for (const change of changes) {
      if (change.type === "gone") {
        if (!this.held.delete(change.id.name)) this.faults.push(`gone twice: ${change.id.name}`);
        continue;
      }
      const { name, uid, resourceVersion } = change.object.metadata as Record<string, string>;
      const version = `${uid} ${resourceVersion}`;
      if (this.held.get(name ?? "") === version) this.faults.push(`put twice: ${name}`);
      this.held.set(name ?? "", version);
    }
  }

  #moment(): { nowMs: number; random: number } {
    return { nowMs: this.#nowMs, random: 0.5 };
  }
}

describe("any order of events and faults", () => {
  test("ends with what a new list contains, and reports each change once", () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const run = new Run();
        for (const step of taken) run.take(step);
        run.finish();
        expect(run.held).toEqual(run.server.content());
        expect(run.faults).toEqual([]);
      }),
      { numRuns: propertyRuns(250, 3_000) },
    );
  });

  test("sends no two lists within 10 s", () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const run = new Run();
        for (const step of taken) run.take(step);
        run.finish();
        const gaps = run.lists.slice(1).map((atMs, index) => atMs - (run.lists[index] ?? 0));
        expect(gaps.filter((gap) => gap < 10_000)).toEqual([]);
      }),
      { numRuns: propertyRuns(250, 3_000) },
    );
  });
});

describe("a kind that leaves the API server", () => {
  test("keeps its objects for 30 s after its deletions", () => {
    const run = new Run();
    run.take({ kind: "put", name: "a" });
    run.deliver();
    run.deliver();
    run.server.remove("a");
    run.deliver();
    const deletions = run.following.takeDeletions();
    expect(deletions.map(({ id }) => id.name)).toEqual(["a"]);
    run.following.settleDeletions(deletions, { isKindLeaving: true }, { nowMs: 50_000, random: 0 });
    expect(run.following.dropParted({ nowMs: 79_999, random: 0 })).toEqual([]);
    expect(run.following.dropParted({ nowMs: 80_000, random: 0 })).toMatchObject([
      { type: "gone" },
    ]);
  });
});
