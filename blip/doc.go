// Package blip implements BLIP_3: requests and replies, multiplexed in both directions over one
// message pipe, such as a WebSocket. It does not know the meaning of the messages.
//
// A [Conn] over a [Pipe] runs until either side ends it:
//
//	conn := blip.NewConn(pipe, blip.Config{Handler: func(r *blip.Request) {
//		r.Reply(&blip.Message{Body: []byte("welcome")})
//	}})
//	go conn.Run(ctx)
//	…
//	reply, err := conn.Call(ctx, &blip.Message{Properties: blip.Props("Profile", "hello")})
//	…
//	conn.Close(1000, "")
//
// # Guarantees
//
// Requests begin in the order in which they are sent, and handlers run in the order in which
// requests are complete. Long messages take turns, one frame at a time, and wait for
// acknowledgements, so that they delay neither small nor urgent messages.
//
// Every request that asks for a reply is completed exactly once: with the reply, or with the error
// that ended the connection. A request without progress ends the connection after
// [Config].ReplyTimeout.
//
// A peer can neither crash a Conn nor make it hold more than [Config] allows: a violation of the
// protocol or of a limit ends the connection with a typed error and a WebSocket close code. When
// Run returns, no goroutine is left.
//
// # Goroutines
//
// The reader inflates, checks and assembles messages, and calls handlers, Sinks and completions.
// The writer schedules, deflates and sends. A supervisor watches the time. Nothing may make the
// reader wait for data on the same connection.
//
// [Encoder] and [Decoder] implement the frame layer alone, for tools and tests.
package blip
