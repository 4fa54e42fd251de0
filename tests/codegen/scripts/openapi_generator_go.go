// Use the Go client of OpenAPI Generator: each write in test mode, then all operations.
//
// Each line of the output is an array of an operation, the type of its result, and the result as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"

	openapi "vendor_client"
)

func report(operation string, result any) {
	line, err := json.Marshal([]any{operation, reflect.TypeOf(result).Elem().Name(), result})
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// record returns the result of a call that succeeded.
func record[T any](result T, _ *http.Response, err error) T {
	check(err)
	return result
}

// message returns the message that the client could not decode as a record.
func message[T any](_ T, response *http.Response, err error) *openapi.Message {
	var undecoded *openapi.GenericOpenAPIError
	if response.StatusCode != http.StatusOK || !errors.As(err, &undecoded) {
		panic("the client decodes the message of test mode now")
	}
	decoded := new(openapi.Message)
	check(json.Unmarshal(undecoded.Body(), decoded))
	return decoded
}

func useTestMode(ctx context.Context, users *openapi.UsersAPIService, groups *openapi.GroupsAPIService,
	phoebe openapi.UserCreate, perk openapi.GroupCreate) {
	first, access := *openapi.NewUserUpdate(), *openapi.NewGroupUpdate()
	first.SetFirstName("Joe")
	access.SetAccess("View")

	// The methods that create are typed as the record that a real call returns.
	report("create_user", message(users.CreateUser(ctx).UserCreate(phoebe).TestMode("true").Execute()))
	updated := record(users.UpdateUser(ctx).HttpXEmail("joey@example.com").UserUpdate(first).TestMode("true").Execute())
	report("update_user", updated.Message)
	report("delete_user", record(users.DeleteUser(ctx).HttpXEmail("joey@example.com").TestMode("true").Execute()))

	report("create_group", message(groups.CreateGroup(ctx).GroupCreate(perk).TestMode("true").Execute()))
	changed := record(groups.UpdateGroup(ctx, "NY Knicks").GroupUpdate(access).TestMode("true").Execute())
	report("update_group", changed.Message)
	report("delete_group", record(groups.DeleteGroup(ctx, "NY Knicks").TestMode("true").Execute()))
}

func use(ctx context.Context, users *openapi.UsersAPIService, groups *openapi.GroupsAPIService,
	phoebe openapi.UserCreate, perk openapi.GroupCreate) {
	last, access := *openapi.NewUserUpdate(), *openapi.NewGroupUpdate()
	last.SetLastName("Hannigan")
	access.SetAccess("view")

	report("list_users", record(users.ListUsers(ctx).Execute()).UserPage)
	report("create_user", record(users.CreateUser(ctx).UserCreate(phoebe).Execute()))
	report("get_user", record(users.ListUsers(ctx).HttpXEmail(phoebe.Email).Execute()).User)
	report("update_user", record(users.UpdateUser(ctx).HttpXEmail(phoebe.Email).UserUpdate(last).Execute()).User)
	report("delete_user", record(users.DeleteUser(ctx).HttpXEmail(phoebe.Email).Execute()))

	report("list_groups", record(groups.ListGroups(ctx).Execute()))
	report("create_group", record(groups.CreateGroup(ctx).GroupCreate(perk).Execute()))
	report("get_group", record(groups.GetGroup(ctx, perk.Name).Execute()))
	report("update_group", record(groups.UpdateGroup(ctx, perk.Name).GroupUpdate(access).Execute()).Group)
	report("delete_group", record(groups.DeleteGroup(ctx, perk.Name).Execute()))
}

func main() {
	phoebe := *openapi.NewUserCreate("Phoebe", "Buffay", "phoebe@example.com", "mike@example.com")
	phoebe.SetGroups([]string{"Sales", "All Users"})
	perk := *openapi.NewGroupCreate("Central Perk", "Sql", "rachel@example.com")

	// The server is the one that the document names.
	client := openapi.NewAPIClient(openapi.NewConfiguration())
	keys := map[string]openapi.APIKey{"PartnerAuth": {Key: os.Args[1]}}
	ctx := context.WithValue(context.Background(), openapi.ContextAPIKeys, keys)
	useTestMode(ctx, client.UsersAPI, client.GroupsAPI, phoebe, perk)
	use(ctx, client.UsersAPI, client.GroupsAPI, phoebe, perk)
}
