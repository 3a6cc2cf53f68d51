// Package blip speaks BLIP_3: requests and replies, multiplexed over one message pipe, such as a
// WebSocket, in both directions at once. It knows nothing of what the messages mean.
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
// Requests begin in the order in which they are sent, and handlers are called in the order in which requests
// are complete. Long messages take turns, a frame at a time, and wait for acknowledgements, so they hold up
// neither small nor urgent ones.
//
// Every request that asks for a reply is completed exactly once: with the reply, or with the error that ended the
// connection. A request that makes no progress ends the connection after [Config].ReplyTimeout.
//
// A peer can neither crash a Conn nor make it hold more than [Config] allows: whatever breaks the protocol or a
// limit ends the connection with a typed error and a WebSocket close code. When Run returns, no goroutine is
// left.
//
// # Goroutines
//
// The reader inflates, checks and assembles, and calls handlers, Sinks and completions; the writer schedules,
// deflates and sends; a supervisor keeps time. The reader must never be kept waiting for something that comes
// over the same connection.
//
// [Encoder] and [Decoder] are the frame layer alone, for tools and tests.
package blip
