// Use the client of hey-api/openapi-ts: each write in test mode, then all operations.
//
// Each line of the output is an array of an operation, the type of its result, and the result as JSON.

import {
  createGroup,
  createUser,
  deleteGroup,
  deleteUser,
  type Group,
  type GroupCreate,
  type GroupDetail,
  type GroupPage,
  getGroup,
  listGroups,
  listUsers,
  type Message,
  type User,
  type UserCreate,
  type UserPage,
  type UserUpdate,
  updateGroup,
  updateUser,
} from "./vendor_client";
import { client } from "./vendor_client/client.gen";
import { having } from "./having";

interface Types {
  Group: Group;
  GroupDetail: GroupDetail;
  GroupPage: GroupPage;
  Message: Message;
  User: User;
  UserPage: UserPage;
}

const PHOEBE: UserCreate = {
  first_name: "Phoebe",
  last_name: "Buffay",
  email: "phoebe@example.com",
  groups: ["Sales", "All Users"],
  invited_by_email: "mike@example.com",
};
const CENTRAL_PERK: GroupCreate = { name: "Central Perk", access: "Sql", created_by_email: "rachel@example.com" };

// Bodies that must not compile.
// @ts-expect-error: a group needs a name.
const NAMELESS: GroupCreate = { access: "Sql", created_by_email: "rachel@example.com" };
// @ts-expect-error: a group needs its creator.
const ORPHAN: GroupCreate = { name: "Central Perk", access: "Sql" };
// @ts-expect-error: a field is misspelt.
const MISSPELT: UserUpdate = { firstname: "Joe" };
void [NAMELESS, ORPHAN, MISSPELT];

function report<Name extends keyof Types>(operation: string, type: Name, value: Types[Name]): void {
  console.log(JSON.stringify([operation, type, value]));
}

async function useTestMode(): Promise<void> {
  const query = { test_mode: "true" } as const;
  const joey = { headers: { "Http-X-Email": "joey@example.com" }, query, throwOnError: true } as const;
  const knicks = { path: { group_name: "NY Knicks" }, query, throwOnError: true } as const;

  const created = await createUser({ body: PHOEBE, query, throwOnError: true });
  report("create_user", "Message", having("message", created.data));
  const updated = await updateUser({ ...joey, body: { first_name: "Joe" } });
  report("update_user", "Message", having("message", updated.data));
  report("delete_user", "Message", (await deleteUser(joey)).data);

  const group = await createGroup({ body: CENTRAL_PERK, query, throwOnError: true });
  report("create_group", "Message", having("message", group.data));
  const changed = await updateGroup({ ...knicks, body: { access: "View" } });
  report("update_group", "Message", having("message", changed.data));
  report("delete_group", "Message", (await deleteGroup(knicks)).data);
}

async function use(): Promise<void> {
  const phoebe = { headers: { "Http-X-Email": PHOEBE.email }, throwOnError: true } as const;
  const perk = { path: { group_name: CENTRAL_PERK.name }, throwOnError: true } as const;

  report("list_users", "UserPage", having("users", (await listUsers({ throwOnError: true })).data));
  const created = await createUser({ body: PHOEBE, throwOnError: true });
  report("create_user", "User", having("email", created.data));
  report("get_user", "User", having("email", (await listUsers(phoebe)).data));
  const updated = await updateUser({ ...phoebe, body: { last_name: "Hannigan" } });
  report("update_user", "User", having("email", updated.data));
  report("delete_user", "Message", (await deleteUser(phoebe)).data);

  report("list_groups", "GroupPage", (await listGroups({ throwOnError: true })).data);
  const group = await createGroup({ body: CENTRAL_PERK, throwOnError: true });
  report("create_group", "Group", having("name", group.data));
  report("get_group", "GroupDetail", (await getGroup(perk)).data);
  const changed = await updateGroup({ ...perk, body: { access: "view" } });
  report("update_group", "Group", having("name", changed.data));
  report("delete_group", "Message", (await deleteGroup(perk)).data);
}

const [auth = ""] = process.argv.slice(2);
// The server is the one that the document names.
client.setConfig({ auth });
void useTestMode().then(use);
