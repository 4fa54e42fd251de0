/** The operations of the vendor's API, and the words of its fields. */

export const ACCESS = ["View", "Discovery", "Sql"];

/**
 * An operation: its method, its path, whether the email header names a user, and the fields of its body or its query.
 *
 * @typedef {{method: string, path: string, about?: "email" | "group", body?: string[], query?: string[]}} Operation
 */

/** @type {Record<string, Operation>} */
export const OPERATIONS = {
  list_users: { method: "GET", path: "/api/v1/users", query: ["next_page_start"] },
  get_user: { method: "GET", path: "/api/v1/users", about: "email" },
  create_user: { method: "POST", path: "/api/v1/users", body: ["first_name", "last_name", "email", "groups", "invited_by_email"] },
  update_user: { method: "PUT", path: "/api/v1/users", about: "email", body: ["first_name", "last_name", "groups"] },
  delete_user: { method: "DELETE", path: "/api/v1/users", about: "email" },
  list_groups: { method: "GET", path: "/api/v1/groups", query: ["next_page_start"] },
  get_group: { method: "GET", path: "/api/v1/groups", about: "group" },
  create_group: { method: "POST", path: "/api/v1/groups", body: ["name", "access", "created_by_email"] },
  update_group: { method: "PUT", path: "/api/v1/groups", about: "group", body: ["name", "access"] },
  delete_group: { method: "DELETE", path: "/api/v1/groups", about: "group" },
};
