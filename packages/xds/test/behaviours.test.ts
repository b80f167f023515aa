import { describe, expect, test } from "@jest/globals";
import { createAdsServer, type Kind, type Snapshot } from "@umbra/xds";
import { type Form, type ReadAnswer, ScriptedClient } from "./scripted-client.ts";
import { snapshot, type Texts } from "./snapshots.ts";

const forms: readonly Form[] = ["full", "delta"];

const world: Texts = {
  cds: { a: "cluster a", b: "cluster b" },
  eds: { a: "endpoints a", b: "endpoints b" },
  lds: { http: "listener http" },
  rds: { http: "routes http" },
};

function setUp(form: Form, texts: Texts | "none" = world) {
  const server = createAdsServer();
  let held: Snapshot | undefined;
  const update = (next: Texts) => {
    held = snapshot(next, held);
    server.update(held);
  };
  if (texts !== "none") update(texts);
  const client = new ScriptedClient(server, form);
  return { server, client, update };
}

const shown = (answers: readonly ReadAnswer[]) =>
  answers.map(({ kind, texts, removed }) =>
    removed.length === 0 ? [kind, ...texts] : [kind, ...texts, { removed }],
  );

/** A client at rest that has everything of `world`. */
function atRest(form: Form) {
  const all = setUp(form);
  const { client } = all;
  const names: Partial<Record<Kind, readonly string[]>> = { eds: ["a", "b"], rds: ["http"] };
  const step = (kind: Kind) => {
    client.say({ kind, node: "envoy-1", names: names[kind] ?? [] });
    for (const answer of client.taken()) client.ack(answer, names[answer.kind]);
  };
  for (const kind of ["cds", "eds", "lds", "rds"] as const) step(kind);
  const last: Record<string, ReadAnswer> = {};
  const replyTo = (answers: readonly ReadAnswer[]) => {
    for (const answer of answers) {
      last[answer.kind] = answer;
      client.ack(answer, names[answer.kind]);
    }
  };
  return { ...all, names, replyTo, last };
}

describe.each(forms)("ADS, %s", (form) => {
  test("1: a request without type_url ends its stream with INVALID_ARGUMENT", () => {
    const { client } = setUp(form);
    client.say({ node: "envoy-1" });
    expect(client.failure).toBe("type_url is missing");
  });

  test("2: a wildcard request is answered with all of the type", () => {
    const { client } = setUp(form);
    client.say({ kind: "cds", node: "envoy-1" });
    expect(shown(client.taken())).toEqual([["cds", "cluster a", "cluster b"]]);
  });

  test("2: a change of one route configuration sends that one", () => {
    const { client, update, replyTo, names } = atRest(form);
    const more = { ...world, rds: { http: "routes http", other: "routes other" } };
    names.rds = ["http", "other"];
    update(more);
    client.say({ kind: "rds", names: form === "full" ? ["http", "other"] : ["other"] });
    replyTo(client.taken());
    update({ ...more, rds: { ...more.rds, other: "routes other 2" } });
    expect(shown(client.taken())).toEqual([["rds", "routes other 2"]]);
  });

  test("3: a client that names nothing any more gets nothing more", () => {
    const { client, update } = atRest(form);
    client.say(
      form === "full" ? { kind: "rds", names: [] } : { kind: "rds", unsubscribe: ["http"] },
    );
    update({ ...world, rds: { http: "routes http 2" } });
    expect(client.taken()).toEqual([]);
  });

  test("3: `*` and a name next to it is a wildcard; the name alone is not", () => {
    const { client, update } = setUp(form);
    client.say({ kind: "cds", node: "envoy-1", names: ["*", "a"] });
    const [first] = client.taken();
    expect(first?.texts.toSorted()).toEqual(["cluster a", "cluster b"]);
    client.ack(first as ReadAnswer, ["*", "a"]);
    client.say(
      form === "full" ? { kind: "cds", names: ["a"] } : { kind: "cds", unsubscribe: ["*"] },
    );
    for (const answer of client.taken()) client.ack(answer, ["a"]);
    update({ ...world, cds: { a: "cluster a2", b: "cluster b2" } });
    expect(shown(client.taken())).toEqual([["cds", "cluster a2"]]);
  });

  test("4: an accepted answer is not answered again", () => {
    const { client, update } = atRest(form);
    expect(client.taken()).toEqual([]);
    update(world);
    expect(client.taken()).toEqual([]);
  });

  test("5: refused content is not sent again until it changes", () => {
    const { client, update, server, replyTo } = atRest(form);
    update({ ...world, rds: { http: "routes bad" } });
    const [bad] = client.taken();
    client.nack(bad as ReadAnswer, "bad regex", ["http"]);
    expect(client.taken()).toEqual([]);
    update({ ...world, rds: { http: "routes bad" } });
    expect(client.taken()).toEqual([]);
    expect(server.clients[0]?.rejections).toMatchObject([
      { kind: "rds", name: "http", message: "bad regex" },
    ]);
    update({ ...world, rds: { http: "routes good" } });
    const fixed = client.taken();
    expect(shown(fixed)).toEqual([["rds", "routes good"]]);
    replyTo(fixed);
    expect(server.clients[0]).toMatchObject({ isUpToDate: true, rejections: [] });
  });

  test("6: a stale nonce does not concern the newest answer, and its names are taken", () => {
    const { client, update } = atRest(form);
    update({ ...world, eds: { ...world.eds, a: "endpoints a2", c: "endpoints c" } });
    const [newest] = client.taken();
    expect(newest?.texts).toEqual(["endpoints a2"]);
    client.say({ kind: "eds", nonce: "old", names: form === "full" ? ["a", "b", "c"] : ["c"] });
    expect(client.taken()).toEqual([]);
    client.ack(newest as ReadAnswer, ["a", "b", "c"]);
    expect(shown(client.taken())).toEqual([["eds", "endpoints c"]]);
  });

  test("8: a name that does not exist yet is sent when it does", () => {
    const { client, update } = atRest(form);
    client.say({ kind: "eds", names: form === "full" ? ["a", "b", "c"] : ["c"] });
    const told = client.taken();
    expect(shown(told)).toEqual(form === "full" ? [] : [["eds", { removed: ["c"] }]]);
    for (const answer of told) client.ack(answer);
    update({ ...world, eds: { ...world.eds, c: "endpoints c" } });
    expect(shown(client.taken())).toEqual([["eds", "endpoints c"]]);
  });

  test("9: names that are asked for again are answered, though nothing has changed", () => {
    const { client } = atRest(form);
    client.say({ kind: "eds", names: ["a", "b"] });
    expect(client.taken().map(({ texts }) => texts.toSorted())).toEqual([
      ["endpoints a", "endpoints b"],
    ]);
  });

  test("9: the endpoints of a cluster that has changed are sent after its ACK", () => {
    const { client, update } = atRest(form);
    update({ ...world, cds: { ...world.cds, a: "cluster a2" } });
    const [cds] = client.taken();
    client.ack(cds as ReadAnswer);
    if (form === "delta") client.say({ kind: "eds", names: ["a"] });
    expect(shown(client.taken())).toEqual([["eds", "endpoints a"]]);
  });

  test("10: a client that wants less than there is gets just that", () => {
    const { client } = setUp(form);
    client.say({ kind: "cds", node: "envoy-1" });
    for (const answer of client.taken()) client.ack(answer);
    client.say({ kind: "eds", names: ["b"] });
    expect(shown(client.taken())).toEqual([["eds", "endpoints b"]]);
  });

  test("11: a change goes out as CDS, EDS, LDS, RDS, each after the reply before it", () => {
    const { client, update } = atRest(form);
    update({
      cds: { ...world.cds, c: "cluster c" },
      eds: { ...world.eds, c: "endpoints c" },
      lds: { http: "listener http 2" },
      rds: { http: "routes to c" },
    });
    const [cds, ...others] = client.taken();
    expect([cds?.kind, others]).toEqual(["cds", []]);
    client.ack(cds as ReadAnswer);
    expect(client.taken()).toEqual([]);
    client.say({ kind: "eds", names: form === "full" ? ["a", "b", "c"] : ["c"] });
    const [eds] = client.taken();
    expect(eds?.texts).toEqual(["endpoints c"]);
    client.ack(eds as ReadAnswer, ["a", "b", "c"]);
    const [lds] = client.taken();
    expect(lds?.texts).toEqual(["listener http 2"]);
    client.ack(lds as ReadAnswer);
    expect(shown(client.taken())).toEqual([["rds", "routes to c"]]);
  });

  test("11: what is gone is removed last, clusters after the routes that named them", () => {
    const { client, update } = atRest(form);
    update({
      ...world,
      cds: { a: "cluster a" },
      eds: { a: "endpoints a" },
      rds: { http: "routes to a" },
    });
    const [rds] = client.taken();
    expect(rds?.texts).toEqual(["routes to a"]);
    client.ack(rds as ReadAnswer, ["http"]);
    const removal = client.taken();
    expect(shown(removal)).toEqual(
      form === "full"
        ? [["cds", "cluster a"]]
        : [
            ["cds", { removed: ["b"] }],
            ["eds", { removed: ["b"] }],
          ],
    );
  });

  test("13: the refused one of many is replaced by its last accepted form, the others continue", () => {
    const { client, update, server } = atRest(form);
    update({ ...world, cds: { a: "cluster a bad", b: "cluster b2" } });
    const [both] = client.taken();
    client.nack(both as ReadAnswer, "Error adding/updating cluster(s) a: no such type");
    const [again] = client.taken();
    expect(again?.texts.toSorted()).toEqual(
      form === "full" ? ["cluster a", "cluster b2"] : ["cluster b2"],
    );
    client.ack(again as ReadAnswer);
    expect(server.clients[0]?.rejections).toMatchObject([{ kind: "cds", name: "a" }]);
  });

  test("13: where the client does not say which is wrong, each is offered alone", () => {
    const { client, update, server, names } = atRest(form);
    const two = { ...world, rds: { http: "routes http", other: "routes other" } };
    update(two);
    client.say({ kind: "rds", names: form === "full" ? ["http", "other"] : ["other"] });
    for (const answer of client.taken()) client.ack(answer, ["http", "other"]);
    names.rds = ["http", "other"];
    update({ ...two, rds: { http: "routes http 2", other: "routes other bad" } });
    const [both] = client.taken();
    expect(both?.texts).toHaveLength(2);
    client.nack(both as ReadAnswer, "invalid regex", names.rds);
    const [one] = client.taken();
    expect(one?.texts).toEqual(["routes http 2"]);
    client.ack(one as ReadAnswer, names.rds);
    const [other] = client.taken();
    expect(other?.texts).toEqual(["routes other bad"]);
    client.nack(other as ReadAnswer, "invalid regex", names.rds);
    expect(client.taken()).toEqual([]);
    expect(server.clients[0]?.rejections).toMatchObject([{ name: "other" }]);
  });

  test.each<Kind>(["sds", "ecds"])(
    "13: each new one of %s goes out alone, and the refused one is known by that",
    (kind) => {
      const { client, server, update } = setUp(form, { [kind]: { a: "a bad", b: "b", c: "c" } });
      const names = ["a", "b", "c"];
      const next = () => client.taken() as [ReadAnswer];
      client.say({ kind: "cds", node: "envoy-1" });
      for (const answer of client.taken()) client.ack(answer);
      client.say({ kind, names });
      const [first] = next();
      client.nack(first, "no certificate is named", names);
      const [second] = next();
      client.ack(second, names);
      const [third] = next();
      client.ack(third, names);
      expect([first, second, third].map(({ texts }) => texts)).toEqual([["a bad"], ["b"], ["c"]]);
      expect(client.taken()).toEqual([]);
      expect(server.clients[0]?.rejections).toMatchObject([{ kind, name: "a" }]);
      update({ [kind]: { a: "a good", b: "b", c: "c" } });
      expect(shown(client.taken())).toEqual([[kind, "a good"]]);
    },
  );

  test("13: Envoy's own list comes before words of the text", () => {
    const { client, update, server } = setUp(form, { lds: { http: "old", https: "old" } });
    client.say({ kind: "cds", node: "envoy-1" });
    for (const answer of client.taken()) client.ack(answer);
    client.say({ kind: "lds" });
    for (const answer of client.taken()) client.ack(answer);
    update({ lds: { http: "new", https: "bad" } });
    const why = "must be the last filter in a http filter chain";
    const error = `Error adding/updating listener(s) https: the router ${why}.\n`;
    client.nack(client.taken()[0] as ReadAnswer, error);
    expect(server.clients[0]?.rejections).toMatchObject([{ kind: "lds", name: "https" }]);
    expect(client.taken()[0]?.texts).toContain("new");
  });

  test("13: of several names that are only words of the text, each is offered alone", () => {
    const { client, update, server } = atRest(form);
    update({ ...world, cds: { a: "cluster a2", b: "cluster b bad" } });
    client.nack(client.taken()[0] as ReadAnswer, "a cluster is bad: b");
    expect(server.clients[0]?.rejections).toEqual([]);
    const [alone] = client.taken();
    expect(alone?.texts).toContain("cluster a2");
    expect(alone?.texts).not.toContain("cluster b bad");
  });

  test("13: what a client had before the server started again stays, though it is refused now", () => {
    const { client, update, server } = setUp(form, { cds: world.cds ?? {} });
    client.say({ kind: "cds", node: "envoy-1", version: "old", initial: { a: "1", b: "1" } });
    const error = "Error adding/updating cluster(s) a: bad";
    client.nack(client.taken()[0] as ReadAnswer, error);
    const [again] = client.taken();
    // By state of the world the refused form itself, so that the client keeps its own.
    expect(again).toMatchObject({
      texts: form === "full" ? ["cluster a", "cluster b"] : ["cluster b"],
      removed: [],
    });
    if (form === "full") client.nack(again as ReadAnswer, error);
    else client.ack(again as ReadAnswer);
    client.say({ kind: "lds" });
    for (const answer of client.taken()) client.ack(answer);
    expect(client.taken()).toEqual([]);
    expect(server.clients[0]?.rejections).toMatchObject([{ kind: "cds", name: "a" }]);
    update({ cds: { b: "cluster b" } });
    const gone = client.taken().find(({ kind }) => kind === "cds");
    expect(gone).toMatchObject(
      form === "full" ? { texts: ["cluster b"] } : { texts: [], removed: ["a"] },
    );
  });

  test("two clients of one id: what one refuses and the other accepts is not sent for ever", () => {
    const { client, server, update } = atRest(form);
    update({ ...world, eds: {}, cds: { a: "cluster a" } });
    for (let i = 0; i < 5; i++) for (const each of client.taken()) client.ack(each, ["http"]);
    const other = new ScriptedClient(server, form);
    other.say({ kind: "cds", node: "envoy-1" });
    for (const answer of other.taken()) other.ack(answer);
    let answers = 0;
    for (const text of ["cluster a2", "cluster a3"]) {
      update({ ...world, eds: {}, cds: { a: text } });
      for (let i = 0; i < 20; i++) {
        for (const each of client.taken()) client.ack(each, ["http"]);
        for (const each of other.taken()) {
          answers++;
          other.nack(each, "Error adding/updating cluster(s) a: bad");
        }
      }
    }
    expect(answers).toBeLessThan(8);
  });

  test("a client that refuses what another of its id accepted before is not asked for ever", () => {
    const { client, server, update } = atRest(form);
    client.close();
    update({ ...world, cds: { a: "cluster a2", b: "cluster b" } });
    const other = new ScriptedClient(server, form);
    other.say({ kind: "cds", node: "envoy-1" });
    let answers = 0;
    for (let i = 0; i < 20; i++) {
      for (const each of other.taken()) {
        answers++;
        other.nack(each, "Error adding/updating cluster(s) a: bad");
      }
    }
    expect(answers).toBeLessThan(6);
  });

  test("16: an endpoint list that is empty is sent as it is", () => {
    const { client, update } = atRest(form);
    update({ ...world, eds: { a: "", b: "endpoints b" } });
    expect(shown(client.taken())).toEqual([["eds", ""]]);
  });

  test("21: before there is a configuration nothing is sent, and no listener is taken away", () => {
    const { client, update } = setUp(form, "none");
    client.say({ kind: "cds", node: "envoy-1", version: "x", initial: { a: "1" } });
    client.say({ kind: "lds", version: "y", initial: { http: "1" } });
    expect(client.taken()).toEqual([]);
    update(world);
    const [cds, ...others] = client.taken();
    expect([cds?.kind, others]).toEqual(["cds", []]);
  });

  test("28: a client that does not reply has one answer of a kind, and then gets the newest", () => {
    const { client, update } = atRest(form);
    for (const i of [1, 2, 3, 4]) update({ ...world, eds: { ...world.eds, a: `endpoints a${i}` } });
    const answers = client.taken();
    expect(shown(answers)).toEqual([["eds", "endpoints a1"]]);
    client.ack(answers[0] as ReadAnswer, ["a", "b"]);
    expect(shown(client.taken())).toEqual([["eds", "endpoints a4"]]);
  });

  test("30: a type that is not served is counted and not answered", () => {
    const unknown: string[] = [];
    const server = createAdsServer({ observer: { unknownType: (url) => unknown.push(url) } });
    server.update(snapshot(world));
    const client = new ScriptedClient(server, form);
    client.say({ typeUrl: "type.googleapis.com/envoy.service.runtime.v3.Runtime", node: "e" });
    expect([client.taken(), unknown.length, client.failure]).toEqual([[], 1, undefined]);
  });

  test.each([
    { name: "100,000 names", node: "e", names: 100_000, failure: "more than 20000 names" },
    {
      name: "a node id of 1 MB",
      node: "x".repeat(1_000_000),
      names: 1,
      failure: "the node's id is longer than 256 characters",
    },
  ])("30: $name end that stream alone", ({ node, names, failure }) => {
    const { server, client } = setUp(form);
    const other = new ScriptedClient(server, form);
    const list = Array.from({ length: names }, (_, i) => `n${i}`);
    client.say({ kind: "eds", node, names: list });
    expect(client.failure).toBe(failure);
    other.say({ kind: "cds", node: "other" });
    expect(other.taken()).toHaveLength(1);
    expect(server.clients).toHaveLength(1);
  });

  test("a reconnected client that refused content before is offered what it accepted", () => {
    const { client, server, update, replyTo } = atRest(form);
    update({ ...world, lds: { http: "listener bad" } });
    client.nack(client.taken()[0] as ReadAnswer, "listener http is bad");
    client.close();
    const again = new ScriptedClient(server, form);
    again.say({ kind: "cds", node: "envoy-1" });
    for (const answer of again.taken()) again.ack(answer);
    again.say({ kind: "eds", names: ["a", "b"] });
    for (const answer of again.taken()) again.ack(answer, ["a", "b"]);
    again.say({ kind: "lds" });
    again.nack(again.taken()[0] as ReadAnswer, "listener http is bad");
    expect(shown(again.taken())).toEqual([["lds", "listener http"]]);
    replyTo([]);
  });
});

test("7: in state of the world, names of a later request replace those of an earlier one", () => {
  const { client } = setUp("full");
  client.say({ kind: "cds", node: "envoy-1" });
  for (const answer of client.taken()) client.ack(answer);
  client.say({ kind: "eds", names: ["a"] });
  const [first] = client.taken();
  client.say({ kind: "eds", names: ["b"] });
  client.ack(first as ReadAnswer, ["b"]);
  expect(shown(client.taken())).toEqual([["eds", "endpoints b"]]);
});

test("13: delta names what it does not have once, not with each certificate", () => {
  const { client } = setUp("delta", { sds: { a: "a", b: "b" } });
  const names = ["a", "b", "unknown"];
  client.say({ kind: "sds", node: "envoy-1", names });
  const answers: ReadAnswer[] = [];
  for (let taken = client.taken(); taken.length > 0; taken = client.taken()) {
    answers.push(...taken);
    for (const answer of taken) client.ack(answer, names);
  }
  expect(shown(answers)).toEqual([
    ["sds", "a", { removed: ["unknown"] }],
    ["sds", "b"],
  ]);
});

test("17: delta sends one of 100 that has changed, and names what is removed", () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, `cluster ${i}`]));
  const { client, update } = setUp("delta", { cds: many });
  client.say({ kind: "cds", node: "envoy-1" });
  for (const answer of client.taken()) client.ack(answer);
  update({ cds: { ...many, c7: "cluster 7b" } });
  const [changed] = client.taken();
  expect(shown([changed as ReadAnswer])).toEqual([["cds", "cluster 7b"]]);
  client.ack(changed as ReadAnswer);
  const { c9: _, ...rest } = { ...many, c7: "cluster 7b", c9: "cluster 9" };
  update({ cds: rest });
  expect(shown(client.taken())).toEqual([["cds", { removed: ["c9"] }]]);
});

test("30: delta: names of a wildcard that wait, and initial versions, are bounded", () => {
  const server = createAdsServer({ maxNames: 100 });
  server.update(snapshot(world));
  const list = (prefix: string) => Array.from({ length: 60 }, (_, i) => `${prefix}${i}`);
  const client = new ScriptedClient(server, "delta");
  client.say({ kind: "cds", node: "e", names: ["*"] });
  client.say({ kind: "cds", names: list("x") });
  client.say({ kind: "cds", names: list("y"), unsubscribe: list("x") });
  expect(client.failure).toBe("more than 100 names");
  const initial = Object.fromEntries([...list("x"), ...list("y")].map((name) => [name, "1"]));
  const other = new ScriptedClient(server, "delta");
  other.say({ kind: "cds", node: "e", initial });
  expect(other.failure).toBe("more than 100 initial versions");
});

test("30: delta: a name that is dropped again gets no answer", () => {
  const { client } = atRest("delta");
  client.say({ kind: "cds", names: ["*"] });
  client.say({ kind: "eds", names: ["a"] });
  const [pending] = client.taken();
  client.say({ kind: "eds", names: ["b", "none"] });
  client.say({ kind: "eds", unsubscribe: ["none"] });
  client.ack(pending as ReadAnswer);
  expect(shown(client.taken())).toEqual([["eds", "endpoints b"]]);
});

test("17: delta answers a name that is dropped under a wildcard, and ignores one that was never wanted", () => {
  const { client } = setUp("delta");
  client.say({ kind: "cds", node: "envoy-1", names: ["*", "a"] });
  for (const answer of client.taken()) client.ack(answer);
  client.say({ kind: "cds", unsubscribe: ["a"] });
  const [again] = client.taken();
  expect(again?.texts).toEqual(["cluster a"]);
  client.ack(again as ReadAnswer);
  client.say({ kind: "cds", unsubscribe: ["phantom"] });
  expect(client.taken()).toEqual([]);
});

test("18: state of the world: a client that connects again with the same version gets that version once more, and no other", () => {
  const { server, client } = setUp("full");
  client.say({ kind: "cds", node: "envoy-1" });
  const [first] = client.taken();
  const { version = "" } = first ?? {};
  client.close();
  const again = new ScriptedClient(server, "full");
  again.say({ kind: "cds", node: "envoy-1", version });
  again.say({ kind: "eds", names: ["a", "b"], version: "whatever" });
  const [clusters, endpoints] = again.taken();
  expect(clusters).toMatchObject({ kind: "cds", version, texts: first?.texts });
  expect(endpoints?.kind).toBe("eds");
  again.ack(clusters as ReadAnswer);
  expect(again.taken()).toEqual([]);
});

test("19: delta: a client that connects again gets what has changed and what it names", () => {
  const { server, client, update } = setUp("delta");
  client.say({ kind: "cds", node: "envoy-1" });
  const [{ versions } = { versions: {} }] = client.taken();
  client.close();
  update({ ...world, cds: { a: "cluster a", c: "cluster c" }, eds: {}, rds: {}, lds: {} });
  const again = new ScriptedClient(server, "delta");
  again.say({ kind: "cds", node: "envoy-1", initial: versions });
  const [first] = again.taken();
  expect(shown([first as ReadAnswer])).toEqual([["cds", "cluster c"]]);
  again.ack(first as ReadAnswer);
  expect(again.taken()).toEqual([]);
  again.say({ kind: "lds", initial: { http: "1" } });
  const [lds, ...others] = again.taken();
  expect(shown([lds as ReadAnswer, ...others])).toEqual([["lds", { removed: ["http"] }]]);
  again.ack(lds as ReadAnswer);
  expect(shown(again.taken())).toEqual([["cds", { removed: ["b"] }]]);
});

test("18: state of the world: what a returning client has and is gone is removed after its routes", () => {
  const { server, client, update } = setUp("full");
  client.say({ kind: "cds", node: "envoy-1" });
  const [cds] = client.taken();
  client.ack(cds as ReadAnswer);
  client.close();
  update({
    ...world,
    cds: { a: "cluster a" },
    eds: { a: "endpoints a" },
    rds: { http: "routes to a" },
  });
  const again = new ScriptedClient(server, "full");
  again.say({ kind: "cds", node: "envoy-1", version: cds?.version ?? "" });
  const [kept] = again.taken();
  expect(kept?.texts.toSorted()).toEqual(["cluster a", "cluster b"]);
  again.ack(kept as ReadAnswer);
  again.say({ kind: "eds", names: ["a", "b"] });
  for (const answer of again.taken()) again.ack(answer, ["a", "b"]);
  again.say({ kind: "lds", version: "other" });
  for (const answer of again.taken()) again.ack(answer);
  expect(shown(again.taken())).toEqual([["cds", "cluster a"]]);
});
