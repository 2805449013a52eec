// The official OpenAI SDK for Go: answers, streams, the Responses API, an error.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"recshim/e2e/account"
)

func question(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    openai.ChatModelGPT4o,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func main() {
	client := openai.NewClient()
	ctx := context.Background()
	account.Take(
		func() {
			answer, err := client.Chat.Completions.New(ctx, question("What is a replay?"))
			account.Must(err)
			fmt.Println("chat:", answer.RawJSON())
		},
		func() {
			stream := client.Chat.Completions.NewStreaming(ctx, question("Tell me about naïve ☃ gophers"))
			for stream.Next() {
				chunk := stream.Current()
				fmt.Println("chunk:", chunk.RawJSON())
			}
			account.Must(stream.Err())
		},
		func() {
			list, err := client.Models.List(ctx)
			account.Must(err)
			fmt.Println("models:", list.RawJSON())
		},
		func() {
			first, err := client.Responses.New(ctx, responses.ResponseNewParams{
				Model: openai.ChatModelGPT4o,
				Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Remember the number 7")},
			})
			account.Must(err)
			fmt.Println("response:", first.OutputText())
			stream := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{
				Model:              openai.ChatModelGPT4o,
				Input:              responses.ResponseNewParamsInputUnion{OfString: openai.String("Which number?")},
				PreviousResponseID: openai.String(first.ID),
			})
			for stream.Next() {
				event := stream.Current()
				fmt.Println("event:", event.RawJSON())
			}
			account.Must(stream.Err())
		},
		func() {
			_, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{Model: "no-such-model",
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Anyone?")}})
			var refused *openai.Error
			fmt.Println("error:", errors.As(err, &refused), refused.StatusCode, refused.Code, refused.RawJSON())
		},
	)
}
