package planets

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestPlanets(t *testing.T) {
	for _, planet := range []string{"Saturn", "Mars"} {
		body := `{"model":"gpt-4o","messages":[{"role":"user","content":"Has ` + planet + ` rings?"}]}`
		request, err := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(answer), planet) {
			t.Fatalf("%v %s", err, answer)
		}
	}
}
