package blip_test

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem/blip"
)

func Example() {
	here, there := blip.NewPipePair()
	ctx := context.Background()

	server := blip.NewConn(there, blip.Config{Handler: func(r *blip.Request) {
		r.Reply(&blip.Message{Body: append([]byte("hello, "), r.Body...)})
	}})
	go func() { _ = server.Run(ctx) }() // ends with the example

	client := blip.NewConn(here, blip.Config{})
	ended := make(chan error)
	go func() { ended <- client.Run(ctx) }()

	reply, err := client.Call(ctx, &blip.Message{
		Properties: blip.Props("Profile", "greet"),
		Body:       []byte("world"),
	})
	fmt.Println(string(reply.Body), err)

	client.Close(1000, "")
	fmt.Println(<-ended)
	// Output:
	// hello, world <nil>
	// <nil>
}
