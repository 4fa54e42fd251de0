// Node 20: node:https, with an agent that asks a proxy for a tunnel.
import http from "node:http";
import https from "node:https";

const url = "https://app.periscopedata.com/api/v1/users";
const auth = { "Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1" };
const phoebe = {
  first_name: "Phoebe",
  last_name: "Buffay",
  email: "phoebe@example.com",
  invited_by_email: "mike@example.com",
};

class TunnelAgent extends https.Agent {
  createConnection(options, done) {
    const asked = http.request(process.env.HTTPS_PROXY, { method: "CONNECT", path: `${options.host}:${options.port}` });
    asked.on("error", done);
    asked.on("connect", (answer, socket) => {
      if (answer.statusCode === 200) done(null, super.createConnection({ ...options, socket }));
      else done(new Error(`${answer.statusCode} ${answer.statusMessage}`));
    });
    asked.end();
  }
}

const creates = process.argv[2] === "create";
const headers = creates ? { ...auth, "Content-Type": "application/json" } : auth;
const request = https.request(url, { method: creates ? "POST" : "GET", headers, agent: new TunnelAgent() });
request.on("error", (error) => {
  console.error(`no answer: ${error.message}`);
  process.exitCode = 1;
});
request.on("response", async (response) => {
  let body = "";
  for await (const part of response) body += part;
  process.stdout.write(`${response.statusCode} ${body}`);
});
request.end(creates ? JSON.stringify(phoebe) : undefined);
