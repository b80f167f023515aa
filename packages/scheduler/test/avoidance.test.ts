import { expect, test } from "@jest/globals";
import { createAvoidance } from "../src/pool/avoidance.ts";
import { countAnswer } from "../src/pool/error-share.ts";
import { createMember } from "../src/pool/member.ts";
import { peerGroups } from "../src/pool/peer-groups.ts";

test("each member is read only a few times, however many must be avoided", () => {
  let looks = 0;
  const members = Array.from({ length: 1_000 }, (_, i) => {
    const member = createMember(`10.0.${i >> 8}.${i & 255}:80`);
    if (i < 490) for (let k = 0; k < 9; k++) countAnswer(member.health.counts, 1, 0);
    return Object.defineProperty(member, "isEjected", {
      get() {
        looks++;
        return false;
      },
    });
  });
  const avoidance = createAvoidance({ maxShare: 0.5, onAvoided: () => {} });
  avoidance.invalidate();
  avoidance.update(members, peerGroups(members), 0, true);
  expect(members.filter(({ isAvoided }) => isAvoided)).toEqual(members.slice(0, 490));
  expect(looks).toBeLessThan(5_000);
});
