import { expect, test } from "@jest/globals";
import { createInbox } from "../src/answers/inbox.ts";
import { placesToTake, TextPlaces } from "../src/answers/text-places.ts";

const texts = { conversation: "c", primary: "p", other: "o" };

test("places that a thread had taken when it ended are free again, and those of held texts are not", () => {
  const places = new TextPlaces(3);
  const [first, second] = [createInbox(), createInbox()];
  places.open(first);
  expect([
    placesToTake(first).take(),
    placesToTake(first).take(),
    placesToTake(first).take(),
  ]).toEqual([true, true, true]);
  expect(placesToTake(first).take()).toBe(false);
  const held = places.hold({ pi: 1, texts });
  // Two pairs were on their way when the thread ended.
  places.open(second);
  expect([
    placesToTake(second).take(),
    placesToTake(second).take(),
    placesToTake(second).take(),
  ]).toEqual([true, true, false]);
  held.release();
  held.release();
  expect([placesToTake(second).take(), placesToTake(second).take()]).toEqual([true, false]);
});

test("a pair without texts takes no place", () => {
  const places = new TextPlaces(1);
  const inbox = createInbox();
  places.open(inbox);
  places.hold({ pi: 1, withheld: "secret" }).release();
  expect([placesToTake(inbox).take(), placesToTake(inbox).take()]).toEqual([true, false]);
});
