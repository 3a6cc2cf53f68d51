package fault

import (
	"slices"
	"syscall"
)

// IsTransient reports whether a later retry may succeed. One-shot and continuous replicators retry
// such errors. It is false for nil.
func IsTransient(err error) bool { return listed(err, transient) }

// IsNetworkDependent reports whether the error may pass when the network changes. A continuous
// replicator waits for a change of the network; a one-shot replicator gives up.
func IsNetworkDependent(err error) bool { return listed(err, networkDependent) }

func listed(err error, codes map[Domain][]int) bool {
	e := Of(err)
	return e != nil && slices.Contains(codes[e.Domain], e.Code)
}

// The two tables come from the specification and never change.
var (
	transient = map[Domain][]int{
		POSIX: {
			int(syscall.ENETRESET), int(syscall.ECONNABORTED), int(syscall.ECONNRESET),
			int(syscall.ETIMEDOUT), int(syscall.ECONNREFUSED),
		},
		Network:   {1, 3, 16, 17, 18, 19},
		WebSocket: {408, 429, 502, 503, 504, 1006, 4001},
	}
	networkDependent = map[Domain][]int{
		POSIX: {
			int(syscall.ENETDOWN), int(syscall.ENETUNREACH), int(syscall.ENOTCONN), int(syscall.ETIMEDOUT),
			int(syscall.EHOSTDOWN), int(syscall.EHOSTUNREACH), int(syscall.EADDRNOTAVAIL), int(syscall.EPIPE),
		},
		Network: {1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 27},
	}
)
