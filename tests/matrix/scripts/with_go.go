package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const (
	url    = "https://api.periscopedata.com/api/v1/users"
	auth   = "example_site:e179017a-62b0-4996-8a38-e91aa9f1"
	phoebe = `{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com",` +
		`"invited_by_email":"mike@example.com"}`
)

// An http.Client as it is: its proxy and the certificates that it trusts are those of the environment.
func main() {
	method, content := "GET", ""
	if os.Args[1] == "create" {
		method, content = "POST", phoebe
	}
	request, err := http.NewRequest(method, url, strings.NewReader(content))
	if err == nil {
		request.Header.Set("Http-X-Partner-Auth", auth)
		request.Header.Set("Content-Type", "application/json")
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err == nil {
			defer response.Body.Close()
			var body []byte
			if body, err = io.ReadAll(response.Body); err == nil {
				fmt.Printf("%d %s", response.StatusCode, body)
				return
			}
		}
	}
	fmt.Fprintln(os.Stderr, "no response:", err)
	os.Exit(1)
}
