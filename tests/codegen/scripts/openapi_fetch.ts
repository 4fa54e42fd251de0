// Use openapi-fetch with the types of openapi-typescript: each write in test mode, then all operations.
//
// Each line of the output is an array of an operation, the type of its result, and the result as JSON.

import createClient from "openapi-fetch";
import { having } from "./having";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];

const PHOEBE: Schemas["UserCreate"] = {
  first_name: "Phoebe",
  last_name: "Buffay",
  email: "phoebe@example.com",
  groups: ["Sales", "All Users"],
  invited_by_email: "mike@example.com",
};
const CENTRAL_PERK: Schemas["GroupCreate"] = {
  name: "Central Perk",
  access: "Sql",
  created_by_email: "rachel@example.com",
};

// Bodies that must not compile.
// @ts-expect-error: a group needs a name.
const NAMELESS: Schemas["GroupCreate"] = { access: "Sql", created_by_email: "rachel@example.com" };
// @ts-expect-error: a group needs its creator.
const ORPHAN: Schemas["GroupCreate"] = { name: "Central Perk", access: "Sql" };
// @ts-expect-error: a field is misspelt.
const MISSPELT: Schemas["UserUpdate"] = { firstname: "Joe" };
void [NAMELESS, ORPHAN, MISSPELT];

function report<Name extends keyof Schemas>(operation: string, type: Name, value: Schemas[Name]): void {
  console.log(JSON.stringify([operation, type, value]));
}

// Return the data of a success.
async function data<T>(response: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await response;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function main(baseUrl: string, auth: string): Promise<void> {
  const client = createClient<paths>({ baseUrl, headers: { "Http-X-Partner-Auth": auth } });
  const inTestMode = { query: { test_mode: "true" } } as const;
  const joey = { ...inTestMode, header: { "Http-X-Email": "joey@example.com" } };
  const knicks = { ...inTestMode, path: { group_name: "NY Knicks" } };
  const phoebe = { header: { "Http-X-Email": PHOEBE.email } };
  const perk = { path: { group_name: CENTRAL_PERK.name } };

  const users = "/api/v1/users";
  const groups = "/api/v1/groups";
  const group = "/api/v1/groups/{group_name}";

  const trials = {
    create_user: having("message", await data(client.POST(users, { params: inTestMode, body: PHOEBE }))),
    update_user: having("message", await data(client.PUT(users, { params: joey, body: { first_name: "Joe" } }))),
    delete_user: await data(client.DELETE(users, { params: joey })),
    create_group: having("message", await data(client.POST(groups, { params: inTestMode, body: CENTRAL_PERK }))),
    update_group: having("message", await data(client.PUT(group, { params: knicks, body: { access: "View" } }))),
    delete_group: await data(client.DELETE(group, { params: knicks })),
  };
  for (const [operation, message] of Object.entries(trials)) report(operation, "Message", message);

  report("list_users", "UserPage", having("users", await data(client.GET(users))));
  report("create_user", "User", having("email", await data(client.POST(users, { body: PHOEBE }))));
  report("get_user", "User", having("email", await data(client.GET(users, { params: phoebe }))));
  const changes = { last_name: "Hannigan" };
  report("update_user", "User", having("email", await data(client.PUT(users, { params: phoebe, body: changes }))));
  report("delete_user", "Message", await data(client.DELETE(users, { params: phoebe })));

  report("list_groups", "GroupPage", await data(client.GET(groups)));
  report("create_group", "Group", having("name", await data(client.POST(groups, { body: CENTRAL_PERK }))));
  report("get_group", "GroupDetail", await data(client.GET(group, { params: perk })));
  const access = { access: "view" };
  report("update_group", "Group", having("name", await data(client.PUT(group, { params: perk, body: access }))));
  report("delete_group", "Message", await data(client.DELETE(group, { params: perk })));
}

const [url = "", auth = ""] = process.argv.slice(2);
void main(url, auth);
