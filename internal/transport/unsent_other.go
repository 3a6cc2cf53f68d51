//go:build !linux && !darwin

package transport

import "net"

// limitUnsent does nothing: this system has no such limit, and queues little beyond what it can
// send.
func limitUnsent(net.Conn) {}
