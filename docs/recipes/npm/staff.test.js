import assert from "node:assert/strict";
import { test } from "node:test";

const base = process.env.MOCKSCOPE_URL ?? "https://app.periscopedata.com";
const auth = { "Http-X-Partner-Auth": process.env.MOCKSCOPE_AUTH };

test("Joey is in no group but All Users", async () => {
  const response = await fetch(`${base}/api/v1/users`, { headers: { ...auth, "Http-X-Email": "joey@example.com" } });

  assert.equal(response.status, 200);
  assert.deepEqual((await response.json()).groups, ["All Users"]);
});
