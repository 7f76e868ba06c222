// SPDX-License-Identifier: GPL-2.0-or-later

// One request by net/http, of Go itself (Debian: golang-go): HTTP.
//
// By default connecting may take 30 s, and the rest for ever ("a Timeout of zero means no timeout").
// `--recommended`: a Client with a Timeout of all, https://pkg.go.dev/net/http#Client
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	client := http.DefaultClient
	if len(os.Args) > 1 && os.Args[1] == "--recommended" {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	host := os.Getenv("NETLAB_SERVER") + ":" + os.Getenv("NETLAB_PORT")
	reply, err := client.Get("http://" + host + "/")
	if err == nil {
		defer reply.Body.Close()
		var body []byte
		if body, err = io.ReadAll(reply.Body); err == nil {
			fmt.Println(reply.StatusCode, len(body), "bytes")
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
