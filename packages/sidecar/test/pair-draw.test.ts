import { describe, expect, test } from "@jest/globals";
import type { AnswersRead } from "../src/answers/reader-messages.ts";
import { type Comparing, comparing, event, numbers, stream } from "./compared-answers.ts";

const judged = { ...numbers, judged: { near: 1, far: 1 } };
const conversation = { messages: [{ role: "user", content: "A secret question." }] };
const texts: readonly [string, string] = ["The primary says so.", "Something else entirely."];

function pair(
  is: Comparing,
  begin: Parameters<Comparing["begin"]>,
  answers: readonly [string, string] = texts,
) {
  const comparison = is.begin(...begin);
  is.answer(comparison, undefined, stream(answers[0]));
  is.answer(comparison, "mirror-0", stream(answers[1]));
  is.work();
  return comparison;
}

const release: unknown = expect.any(Function);

const drawnIn = (messages: readonly AnswersRead[]) =>
  messages.flatMap(({ compared = [] }) => compared.flatMap(({ drawn }) => drawn ?? []));

describe("a pair that is drawn for a judge", () => {
  test("leaves the thread with its texts, which are returned once", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    const comparison = pair(is, [conversation, 1, judged]);
    expect(comparison.takeDrawn("mirror-0")).toMatchObject({
      pi: 1,
      texts: { conversation: "user: A secret question.", primary: texts[0], other: texts[1] },
    });
    expect(comparison.takeDrawn("mirror-0")).toBeUndefined();
    expect(is.desk.comparedBytes).toBe(0);
  });

  test("leaves the thread without e-mail addresses and telephone numbers", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    const answers = ["Write to jane@example.com or +49 30 1234567.", texts[1]] as const;
    const { texts: found } =
      pair(is, [conversation, 1, judged], answers).takeDrawn("mirror-0") ?? {};
    expect(found?.primary).toBe("Write to [e-mail] or [phone].");
    expect(JSON.stringify(is.messages)).not.toMatch(/jane|1234567/);
  });

  test.each(["4111 1111 1111 1111", "jane.doe@example.com", "+49 (170) 123-4567"])(
    "leaves the thread without a part of %s, wherever the texts are cut",
    (secret) => {
      const is = comparing();
      for (let inside = -1; inside <= secret.length; inside++) {
        is.setJudgeRoom(1);
        // The judge is shown the last 32,768 characters, and the first 16,384 of an answer.
        const conversation = `x ${secret} ${"y".repeat(32_767 - inside)}`;
        const answer = `${"y".repeat(16_383 - inside)} ${secret} and more`;
        const request = { messages: [{ role: "user", content: conversation }] };
        pair(is, [request, 1, judged], [answer, texts[1]]);
      }
      const [sent, pieces] = [JSON.stringify(drawnIn(is.messages)), Math.ceil(secret.length / 2)];
      expect(drawnIn(is.messages)).toHaveLength(secret.length + 2);
      for (const part of [secret.slice(0, pieces), secret.slice(-pieces)]) {
        expect(sent).not.toContain(part);
      }
    },
  );

  test("leaves the thread without the start of a secret where reading ended", () => {
    const is = comparing();
    const settings = { ...judged, maxTextBytes: 1_024 };
    for (let shown = 1; shown < 19; shown++) {
      is.setJudgeRoom(1);
      const answer = `${"word ".repeat(204).slice(shown)}card 4111 1111 1111 1111, and more`;
      pair(is, [conversation, 1, settings], [answer, texts[1]]);
    }
    expect(drawnIn(is.messages)).toHaveLength(18);
    expect(JSON.stringify(is.messages)).not.toMatch(/card \d/);
  });

  test("leaves the thread without what escapes of tool calls hide", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    const comparison = is.begin(conversation, 1, judged);
    const call = {
      index: 0,
      id: "c",
      function: { name: "mail", arguments: '{"to":"jane\\u0040example.com"}' },
    };
    is.answer(comparison, undefined, `${event({ tool_calls: [call] })}${stream("")}`);
    is.answer(comparison, "mirror-0", stream(texts[1]));
    is.work();
    expect(comparison.takeDrawn("mirror-0")?.texts?.primary).toContain("[e-mail]");
    expect(JSON.stringify(is.messages)).not.toContain("example");
  });

  test.each([
    { place: "the conversation", asked: "Pay with 4111 1111 1111 1111.", answers: texts },
    {
      place: "an answer",
      asked: "How?",
      answers: ["With 4111 1111 1111 1111.", texts[1]] as const,
    },
  ])("is drawn without texts if a secret is in $place", ({ asked, answers }) => {
    const is = comparing();
    is.setJudgeRoom(1);
    const request = { messages: [{ role: "user", content: asked }] };
    const comparison = pair(is, [request, 1, judged], answers);
    expect(comparison.takeDrawn("mirror-0")).toEqual({ pi: 1, withheld: "secret", release });
    expect(JSON.stringify(is.messages)).not.toContain("4111");
    // It took no place from the next pair.
    expect(pair(is, [conversation, 1, judged]).takeDrawn("mirror-0")?.texts).toBeDefined();
  });

  test("has the prompt of a completion", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    const drawn = pair(is, [{ prompt: "Once upon a time" }, 1, judged]).takeDrawn("mirror-0");
    expect(drawn?.texts?.conversation).toBe("Once upon a time");
  });

  test.each([
    { name: "is numbers of tokens", request: { prompt: [[1, 2, 3]] } },
    {
      name: "is too long to be held",
      request: { messages: [{ role: "user", content: "word ".repeat(60_000) }] },
    },
  ])("is drawn without texts if what was asked $name", ({ request }) => {
    const is = comparing();
    is.setJudgeRoom(1);
    const drawn = pair(is, [request, 1, judged]).takeDrawn("mirror-0");
    expect(drawn).toEqual({ pi: 1, withheld: "unknown", release });
  });

  test("is drawn without texts if no judge has room, until the texts of another are dropped", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    const draw = () => pair(is, [conversation, 1, judged]).takeDrawn("mirror-0");
    const first = draw();
    draw();
    first?.release();
    first?.release();
    const third = draw();
    draw();
    const haveTexts = () => drawnIn(is.messages).map(({ texts: each }) => each !== undefined);
    expect(haveTexts()).toEqual([true, false, true, false]);
    third?.release();
    draw();
    expect(haveTexts()).toEqual([true, false, true, false, true]);
  });

  test("gives its place back if its request is over before it is taken, or before it comes", () => {
    const is = comparing();
    is.setJudgeRoom(1);
    pair(is, [conversation, 1, judged]).close();
    const late = is.begin(conversation, 1, judged);
    is.answer(late, undefined, stream(texts[0]));
    is.answer(late, "mirror-0", stream(texts[1]));
    late.close();
    is.work();
    expect(pair(is, [conversation, 1, judged]).takeDrawn("mirror-0")?.texts).toBeDefined();
    expect(drawnIn(is.messages).every(({ texts: each }) => each !== undefined)).toBe(true);
  });

  test("is drawn without texts if no judge is asked, as after its budget is spent", () => {
    const is = comparing();
    is.setJudgeRoom(8);
    const comparison = is.begin(conversation, 1, judged, { isUnasked: true });
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
    is.answer(comparison, undefined, stream(texts[0]));
    is.answer(comparison, "mirror-0", stream(texts[1]));
    is.work();
    expect(drawnIn(is.messages)).toEqual([{ pi: 1 }]);
    expect(JSON.stringify(is.messages)).not.toMatch(/secret|primary says|entirely/);
  });

  test("is drawn without texts if the client opts out", () => {
    const is = comparing();
    is.setJudgeRoom(8);
    const comparison = pair(is, [conversation, 1, judged, { optsOut: true }]);
    expect(comparison.takeDrawn("mirror-0")).toEqual({ pi: 1, optsOut: true, release });
    expect(JSON.stringify(is.messages)).not.toMatch(/secret|primary says|entirely/);
  });

  test("is never one of equal answers, of a policy without a judge, or one that is not drawn", () => {
    const is = comparing();
    is.setJudgeRoom(8);
    pair(is, [conversation, 1, judged], ["The same.", "The same."]);
    pair(is, [conversation, 1, numbers]);
    const rarely = { ...numbers, judged: { near: 1e-9, far: 1e-9 } };
    for (let i = 0; i < 20; i++) pair(is, [conversation, 1, rarely]);
    expect(drawnIn(is.messages)).toEqual([]);
    expect(JSON.stringify(is.messages)).not.toMatch(/secret|primary says|entirely/);
  });

  test("does not keep its texts after the request is over", () => {
    const is = comparing();
    is.setJudgeRoom(8);
    const comparison = pair(is, [conversation, 1, judged]);
    comparison.close();
    expect(comparison.takeDrawn("mirror-0")).toBeUndefined();
  });

  test("counts the conversation as held memory until it is compared", () => {
    const is = comparing();
    const long = { messages: [{ role: "user", content: "word ".repeat(20_000) }] };
    const comparison = is.begin(long, 1, judged);
    is.work();
    expect(is.desk.comparedBytes).toBeGreaterThan(60_000);
    expect(is.desk.comparedBytes).toBeLessThan(80_000);
    comparison.close();
    is.work();
    expect(is.desk.comparedBytes).toBe(0);
  });
});
