//go:build linux || darwin

package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes the system takes ahead of what it can send, a tenth of a second's worth on a link of
// 10 Mbit/s. More would hide a slow link from those who write, and put urgent messages at the end of a long queue.
const unsentLimit = 128 << 10

// limitUnsent keeps the queue short that the system holds of a connection. It does not bound what is on the way and not
// acknowledged, so that long links stay full. Where it fails, writers learn later that a link is slow.
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
