import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseWeighted } from "./alias.core.ts";
import { decodeMarker, encodeMarker } from "./page.ts";

test("chooseWeighted: each value gets the part of [0, 1) that its share says", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(share, draw, (share, draw) => {
      const chosen = chooseWeighted("main", [{ share, value: "other" }], draw);
      assert.equal(chosen, draw < share ? "other" : "main");
    }),
  );
});

test("markers: any position survives, any other text is refused", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "binary-ascii" }), (position) => {
      assert.equal(decodeMarker(encodeMarker(position)), position);
      assert.throws(() => decodeMarker(`${encodeMarker(position)}=`));
    }),
  );
});
