// The fetch of undici, with its agent for the proxy of the environment.
import { EnvHttpProxyAgent, fetch, setGlobalDispatcher } from "undici";

const url = "https://api.periscopedata.com/api/v1/users";
const auth = { "Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1" };
const phoebe = {
  first_name: "Phoebe",
  last_name: "Buffay",
  email: "phoebe@example.com",
  invited_by_email: "mike@example.com",
};

setGlobalDispatcher(new EnvHttpProxyAgent());

const creates = process.argv[2] === "create";
const headers = creates ? { ...auth, "Content-Type": "application/json" } : auth;
const body = creates ? JSON.stringify(phoebe) : undefined;
try {
  const response = await fetch(url, { method: creates ? "POST" : "GET", headers, body });
  process.stdout.write(`${response.status} ${await response.text()}`);
} catch (error) {
  console.error(`no answer: ${error.cause}`);
  process.exitCode = 1;
}
