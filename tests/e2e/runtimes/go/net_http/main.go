// net/http: keep-alive, compression, a stream line by line, uploads with and without a length.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"

	"recshim/e2e/account"
)

func send(method, url string, body io.Reader, headers ...string) *http.Response {
	request, err := http.NewRequest(method, url, body)
	account.Must(err)
	for index := 0; index < len(headers); index += 2 {
		request.Header.Set(headers[index], headers[index+1])
	}
	response, err := http.DefaultClient.Do(request)
	account.Must(err)
	return response
}

func show(label string, response *http.Response) {
	defer response.Body.Close()
	account.ShowHead(label, response)
	body, err := io.ReadAll(response.Body)
	account.Must(err)
	account.ShowBody(body)
	for name, values := range response.Trailer {
		fmt.Printf("  trailer %s: %q\n", name, values)
	}
}

func chat(body string) *http.Response {
	return send("POST", account.API+"/v1/chat/completions", strings.NewReader(body),
		"Authorization", "Bearer "+account.Key(), "Content-Type", "application/json")
}

func main() {
	get := func(label, url string) func() { return func() { show(label, send("GET", url, nil)) } }
	account.Take(
		get("echo", account.API+"/echo?net_http"),
		func() { show("chat", chat(account.Chat)) },
		get("gzip", account.API+"/gzip"),
		get("plain", account.Plain+"/echo?net_http"),
		func() {
			response := chat(account.StreamedChat)
			defer response.Body.Close()
			account.ShowHead("stream", response)
			lines := bufio.NewScanner(response.Body)
			for lines.Scan() {
				fmt.Printf("  line: %s\n", lines.Text())
			}
			account.Must(lines.Err())
		},
		// A reader of no known length is sent in chunks.
		func() {
			pieces := io.MultiReader(strings.NewReader("first"), strings.NewReader(strings.Repeat("g", 300000)))
			show("upload", send("PUT", account.API+"/upload", pieces))
		},
		get("big", account.API+"/big?bytes=2000000"),
		get("until close", account.API+"/until-close"),
	)
}
