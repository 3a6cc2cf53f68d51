//go:build linux || darwin

package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentLimit is the number of bytes that the system queues beyond what it can send: a tenth of a
// second on a link of 10 Mbit/s. A longer queue would hide a slow link from writers, and delay
// urgent messages.
const unsentLimit = 128 << 10

// limitUnsent bounds the system's queue of unsent bytes. It does not bound bytes in flight, so that
// links with a long delay stay full. If it fails, writers notice a slow link later.
func limitUnsent(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}
