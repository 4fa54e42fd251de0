// Use the typescript-fetch client of OpenAPI Generator: each write in test mode, then all operations.
//
// Each line of the output is an array of an operation, the type of its result, and the result as JSON.

import { having } from "./having";
import * as api from "./vendor_client";

interface Types {
  Group: api.Group;
  GroupDetail: api.GroupDetail;
  GroupPage: api.GroupPage;
  Message: api.Message;
  User: api.User;
  UserPage: api.UserPage;
}

// The client names fields in camel case; these functions name them as they are sent.
const TO_JSON: { [Name in keyof Types]: (value: Types[Name]) => unknown } = {
  Group: api.GroupToJSON,
  GroupDetail: api.GroupDetailToJSON,
  GroupPage: api.GroupPageToJSON,
  Message: api.MessageToJSON,
  User: api.UserToJSON,
  UserPage: api.UserPageToJSON,
};

const PHOEBE: api.UserCreate = {
  firstName: "Phoebe",
  lastName: "Buffay",
  email: "phoebe@example.com",
  groups: ["Sales", "All Users"],
  invitedByEmail: "mike@example.com",
};
const CENTRAL_PERK: api.GroupCreate = { name: "Central Perk", access: "Sql", createdByEmail: "rachel@example.com" };

// Bodies that must not compile.
// @ts-expect-error: a group needs a name.
const NAMELESS: api.GroupCreate = { access: "Sql", createdByEmail: "rachel@example.com" };
// @ts-expect-error: a group needs its creator.
const ORPHAN: api.GroupCreate = { name: "Central Perk", access: "Sql" };
// @ts-expect-error: a field is misspelt.
const MISSPELT: api.UserUpdate = { firstname: "Joe" };
void [NAMELESS, ORPHAN, MISSPELT];

function report<Name extends keyof Types>(operation: string, type: Name, value: Types[Name]): void {
  console.log(JSON.stringify([operation, type, TO_JSON[type](value)]));
}

async function useTestMode(users: api.UsersApi, groups: api.GroupsApi): Promise<void> {
  const joey = { httpXEmail: "joey@example.com", testMode: "true" };
  const knicks = { groupName: "NY Knicks", testMode: "true" };

  // The methods that create are typed as the record that a real call returns: the message is in the raw response.
  const created = await users.createUserRaw({ userCreate: PHOEBE, testMode: "true" });
  report("create_user", "Message", api.MessageFromJSON(await created.raw.json()));
  const updated = await users.updateUser({ ...joey, userUpdate: { firstName: "Joe" } });
  report("update_user", "Message", having("message", updated));
  report("delete_user", "Message", await users.deleteUser(joey));

  const group = await groups.createGroupRaw({ groupCreate: CENTRAL_PERK, testMode: "true" });
  report("create_group", "Message", api.MessageFromJSON(await group.raw.json()));
  const changed = await groups.updateGroup({ ...knicks, groupUpdate: { access: "View" } });
  report("update_group", "Message", having("message", changed));
  report("delete_group", "Message", await groups.deleteGroup(knicks));
}

async function use(users: api.UsersApi, groups: api.GroupsApi): Promise<void> {
  const phoebe = { httpXEmail: PHOEBE.email };
  const perk = { groupName: CENTRAL_PERK.name };

  report("list_users", "UserPage", having("users", await users.listUsers()));
  report("create_user", "User", await users.createUser({ userCreate: PHOEBE }));
  report("get_user", "User", having("email", await users.listUsers(phoebe)));
  const updated = await users.updateUser({ ...phoebe, userUpdate: { lastName: "Hannigan" } });
  report("update_user", "User", having("email", updated));
  report("delete_user", "Message", await users.deleteUser(phoebe));

  report("list_groups", "GroupPage", await groups.listGroups());
  report("create_group", "Group", await groups.createGroup({ groupCreate: CENTRAL_PERK }));
  report("get_group", "GroupDetail", await groups.getGroup(perk));
  const changed = await groups.updateGroup({ ...perk, groupUpdate: { access: "view" } });
  report("update_group", "Group", having("name", changed));
  report("delete_group", "Message", await groups.deleteGroup(perk));
}

const [apiKey = ""] = process.argv.slice(2);
// The server is the one that the document names.
const configuration = new api.Configuration({ apiKey });
const users = new api.UsersApi(configuration);
const groups = new api.GroupsApi(configuration);
void useTestMode(users, groups).then(() => use(users, groups));
