import { expect, test } from "@jest/globals";
import { createInbox } from "../src/answers/inbox.ts";
import { TextPlaces, takePlace } from "../src/answers/text-places.ts";

const texts = { conversation: "c", primary: "p", other: "o" };

test("places that a thread had taken when it ended are free again, and those of held texts are not", () => {
  const places = new TextPlaces(3);
  const [first, second] = [createInbox(), createInbox()];
  places.open(first);
  expect([takePlace(first), takePlace(first), takePlace(first)]).toEqual([true, true, true]);
  expect(takePlace(first)).toBe(false);
  const held = places.hold({ pi: 1, texts });
  // Two pairs were on their way when the thread ended.
  places.open(second);
  expect([takePlace(second), takePlace(second), takePlace(second)]).toEqual([true, true, false]);
  held.release();
  held.release();
  expect([takePlace(second), takePlace(second)]).toEqual([true, false]);
});

test("a pair without texts takes no place", () => {
  const places = new TextPlaces(1);
  const inbox = createInbox();
  places.open(inbox);
  places.hold({ pi: 1, withheld: "secret" }).release();
  expect([takePlace(inbox), takePlace(inbox)]).toEqual([true, false]);
});
