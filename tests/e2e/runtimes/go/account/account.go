// Package account prints what a client got, and says what the programs ask, and of whom.
package account

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
)

const (
	API          = "https://api.openai.com"
	Plain        = "http://api.openai.com"
	Chat         = `{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ gophers"}]}`
	StreamedChat = `{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ gophers"}], "stream": true}`
)

func Key() string { return os.Getenv("OPENAI_API_KEY") }

// Must ends the program with the error, if there is one.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ShowHead leaves out cookies, secrets that no recording holds.
func ShowHead(label string, response *http.Response) {
	fmt.Printf("%s: %s %s\n", label, response.Proto, response.Status)
	names := make([]string, 0, len(response.Header))
	for name := range response.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name == "Set-Cookie" {
			fmt.Printf("  %s: (secret)\n", name)
		} else {
			fmt.Printf("  %s: %q\n", name, strings.Join(response.Header[name], ", "))
		}
	}
}

func ShowBody(body []byte) {
	if len(body) > 4000 {
		fmt.Printf("  body: %d bytes, sha256 %x\n", len(body), sha256.Sum256(body))
	} else {
		fmt.Printf("  body: %q\n", body)
	}
}

// Take takes the steps in order; with the argument "half" only the first half of them.
func Take(steps ...func()) {
	count := len(steps)
	if len(os.Args) > 1 && os.Args[1] == "half" {
		count = (count + 1) / 2
	}
	for _, step := range steps[:count] {
		step()
	}
}
