import { expect, jest, test } from "@jest/globals";

test.each([{}, { legacyFakeTimers: true }])("fake timers are refused: %j", (options) => {
  expect(() => jest.useFakeTimers(options)).toThrow("fake timers are not supported: pass a clock");
  expect(() => jest.useRealTimers()).not.toThrow();
});
