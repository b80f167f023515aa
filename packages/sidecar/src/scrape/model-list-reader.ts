import { modelListTooLong, readModelList } from "@umbra/openai";
import type { ModelList } from "../pools/served-models.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import type { EndpointClient, Page } from "./endpoint-client.ts";
import { createListSchedule } from "./list-schedule.ts";
import type { ListOutcome } from "./page-outcome.ts";

/** Reads the model list of one endpoint for all its pools. */
export interface ModelListReader {
  isDue(nowMs: number): boolean;
  /** Requests an early read, because the list probably changed. */
  hurry(): void;
  /** Must not be called during a read. Does not call `done` after the endpoint was removed. */
  read(nowMs: number, done: () => void): void;
}

export interface ModelListReaderOptions {
  readonly address: string;
  /** Returns the pools that contain the endpoint. */
  readonly pools: () => readonly ServedPool[];
  readonly client: EndpointClient;
  /** True if Umbra's requests carry a key now. */
  readonly hasKey: () => boolean;
  /** True after the endpoint was removed: nothing is recorded any more. */
  readonly isClosed: () => boolean;
  /** `isAnswered`: the endpoint answered. `reason` is empty if the list could be read. */
  readonly onRead: (outcome: ListOutcome, reason: string, isAnswered: boolean) => void;
}

export function createModelListReader(options: ModelListReaderOptions): ModelListReader {
  const { address, pools, client, hasKey, isClosed, onRead } = options;
  const schedule = createListSchedule();
  /** Until the server answers a request without the key, clients without the key don't see its list. */
  let isGuarded = true;

  function record(models: ModelList): void {
    const changes = pools().map(({ served }) => served.record(address, { ...models, isGuarded }));
    schedule.end(changes.includes(true) ? "changed" : "unchanged");
  }

  /** With a key, Umbra may see more than clients without one, so it also requests the list without the key. */
  function askAnonymously(models: ModelList, done: () => void): void {
    const take = (page: Page) => {
      if (isClosed()) return;
      if (page.ok) isGuarded = !showsAll(page.bytes.toString(), models);
      else if (page.code === "refused") isGuarded = true;
      record(models);
      done();
    };
    client.get("/v1/models", take, { isAnonymous: true });
  }

  return {
    isDue: schedule.isDue,
    hurry: schedule.hurry,
    read(nowMs, done) {
      schedule.begin(nowMs);
      client.get("/v1/models", (page) => {
        if (isClosed()) return;
        const read = listOf(page);
        onRead(read.outcome, read.reason, page.ok || page.status !== undefined);
        if (read.models === undefined) schedule.end("failed");
        else if (hasKey()) return askAnonymously(read.models, done);
        else {
          isGuarded = false;
          record(read.models);
        }
        done();
      });
    },
  };
}

interface ReadList {
  readonly models?: ModelList;
  readonly outcome: ListOutcome;
  readonly reason: string;
}

function listOf(page: Page): ReadList {
  if (!page.ok) return { outcome: page.code, reason: page.reason };
  const text = page.bytes.toString();
  const tooLong = modelListTooLong(text);
  if (tooLong !== undefined) return { outcome: "too_large", reason: tooLong };
  const models = readModelList(text);
  return models === undefined
    ? { outcome: "bad_list", reason: "/v1/models is not a model list" }
    : { models, outcome: "ok", reason: "" };
}

/** False for a login page, for example, or for a list that is shorter without the key. */
function showsAll(text: string, { base, adapters }: ModelList): boolean {
  const shown = readModelList(text);
  if (shown === undefined) return false;
  const names = new Set([...shown.base, ...shown.adapters]);
  return [...base, ...adapters].every((name) => names.has(name));
}
