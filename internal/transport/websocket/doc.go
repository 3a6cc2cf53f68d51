// Package websocket sends and receives whole binary messages over a connection whose WebSocket
// handshake is done (RFC 6455). It knows neither HTTP, TLS nor the meaning of the messages.
//
//	c := websocket.New(netConn, websocket.Config{Client: true})
//	defer c.Abort()
//	err := c.Write(ctx, message) // kept back, to leave together with others
//	err = c.Flush(ctx)           // now it leaves
//	reply, err := c.Read(ctx)
//	err = c.Close(1000, "")
//
// A [Conn] is a blip.Pipe. Written messages collect in one buffer above TLS, so that many small
// ones share a TLS record and a system call. That is several times as fast as one write for each
// (see BenchmarkFrames of package transport).
//
// # Guarantees
//
// One goroutine may read while another writes; any goroutine may call Flush, Close and Abort. A
// frame that breaks the RFC ends the connection with a CLOSE of 1002, a frame above the limit with
// 1009; neither makes memory grow. Answering a PING never delays the reader. Extensions are not
// supported. Close and Abort leave no goroutine behind.
package websocket
